"""The first administrator: made by whoever can read the terminal of the server, once."""

from collections.abc import Sequence

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.errors import InvalidSetupToken, SetupDone
from parlor.accounts.refresh_tokens import Issued
from parlor.accounts.registry import Registry
from parlor.accounts.sign_ins import Session, SignIns
from parlor.accounts.sign_up import Application, SignUp
from parlor.core.crypto import SecretKey
from parlor.core.db import Database, Transaction
from parlor.core.events import current_origin
from parlor.core.limits import RateLimits
from parlor.core.web.settings import ServerSettings

_PURPOSE = "first administrator"


class SetupLinks:
    """The token hangs on the installation's secret alone, so that every replica and the command line know the same one.

    It opens nothing once there is an administrator.
    """

    def __init__(self, db: Database, key: SecretKey, server: ServerSettings) -> None:
        self._db = db
        self._key = key
        self._server = server

    async def find(self, base_url: str | None = None) -> str | None:
        """The link, None when there is an administrator already. `base_url` defaults to what the settings say.

        The token is in the fragment: browsers do not send it, so it is in no log.
        """
        if await self._db.read(queries.is_set_up):
            return None
        return f"{(base_url or self._server.base_url()).rstrip('/')}/setup#{self._key.sign(_PURPOSE)}"

    async def startup_lines(self, address: str) -> Sequence[str]:
        """For the terminal alone: no log gets them."""
        link = await self.find(self._server.public_url or address)
        return [] if link is None else [f"Make the first administrator: {link}"]

    def check(self, token: str) -> None:
        """Raises `InvalidSetupToken`."""
        if not self._key.verify(_PURPOSE, b"", token):
            raise InvalidSetupToken


class Setup:
    def __init__(self, db: Database, links: SetupLinks, registry: Registry, sign_up: SignUp, sign_ins: SignIns, limits: RateLimits) -> None:
        self._db = db
        self._links = links
        self._registry = registry
        self._sign_up = sign_up
        self._sign_ins = sign_ins
        self._limits = limits

    async def make_first_administrator(self, token: str, email: str, password: str) -> Session:
        """Raises `InvalidSetupToken`; `SetupDone` for everybody but the first; and what a sign-up raises."""
        await self._limits.hit("logins_per_address_per_minute", current_origin().address)
        self._links.check(token)
        if await self._db.read(queries.is_set_up):  # before the hash, so that an old link costs nothing
            raise SetupDone
        new = await self._sign_up.prepare(Application(email=email, password=password), "admin")

        def add(tx: Transaction) -> tuple[Account, Issued]:
            account = self._registry.add_first_administrator(tx, new)
            return account, self._sign_ins.open(tx, account, method="setup")

        return self._sign_ins.session(*await self._db.write(add))
