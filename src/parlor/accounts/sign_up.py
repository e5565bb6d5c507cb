"""New accounts, whoever asks for one."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from parlor.accounts.account import Account, Role
from parlor.accounts.passwords import Passwords
from parlor.accounts.refresh_tokens import Issued
from parlor.accounts.registry import NewAccount, Registry
from parlor.accounts.settings import AuthSettings
from parlor.accounts.sign_ins import Session, SignIns
from parlor.accounts.text import at, clean_groups, normalise_email, normalise_username
from parlor.accounts.verification import EmailVerification
from parlor.core.db import Database, Transaction
from parlor.core.errors import Invalid
from parlor.core.events import current_origin
from parlor.core.limits import RateLimits


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants their account to be, as they wrote it."""

    email: str | None = None
    password: str
    username: str | None = None
    display_name: str | None = None


class Registered(msgspec.Struct, frozen=True):
    """`session` is None when the account may be signed in to only once its address is verified."""

    account: Account
    session: Session | None


class SignUp:
    def __init__(
        self,
        db: Database,
        registry: Registry,
        passwords: Passwords,
        sign_ins: SignIns,
        limits: RateLimits,
        verification: EmailVerification,
        settings: AuthSettings,
    ) -> None:
        self._db = db
        self._needs_email = settings.email_required
        self._registry = registry
        self._passwords = passwords
        self._sign_ins = sign_ins
        self._limits = limits
        self._verification = verification

    async def register(self, application: Application) -> Registered:
        """An ordinary account, signed in if it may be.

        Raises `RateLimited`, `EmailTaken`, `UsernameTaken`, `InvalidEmail`, `InvalidUsername`, `UnsuitablePassword`.
        """
        await self._limits.hit("sign_ups_per_address_per_minute", current_origin().address)
        new = await self.prepare(application)

        def add(tx: Transaction) -> tuple[Account, Issued | None]:
            account = self._registry.add(tx, new)
            return account, None if self._verification.is_awaited(account) else self._sign_ins.open(tx, account)

        account, issued = await self._db.write(add)
        return Registered(account, None if issued is None else self._sign_ins.session(account, issued))

    async def create(self, application: Application, role: Role = "user", groups: Iterable[str] = ()) -> Account:
        """For operators and administrators: any role and groups, nobody signed in. Refuses what `register` refuses."""
        new = replace(await self.prepare(application, role), groups=clean_groups(groups))
        return await self._db.write(lambda tx: self._registry.add(tx, new))

    async def prepare(self, application: Application, role: Role = "user") -> NewAccount:
        """Everything that can be refused without the database, and the slow hash, before the transaction."""
        self._refuse_nameless(application)
        email = normalise_email(application.email) if application.email is not None else None
        username = normalise_username(application.username) if application.username is not None else None
        self._passwords.refuse_unsuitable(application.password, email, username)
        password_hash = await self._passwords.hash(application.password)
        return NewAccount(email=email, username=username, display_name=application.display_name, password_hash=password_hash, role=role)

    def _refuse_nameless(self, application: Application) -> None:
        missing = "email" if self._needs_email else "username"
        if application.email is None and (self._needs_email or application.username is None):
            raise Invalid(f"{missing}: Field required.", **at(missing, "Field required", "missing"))
