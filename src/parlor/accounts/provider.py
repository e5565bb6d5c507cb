"""What the container builds for this room."""

from collections.abc import AsyncIterator, Iterator

from dishka import Provider, Scope, decorate, provide, provide_all  # pyright: ignore[reportUnknownVariableType]  # of classmethod's parameters

from parlor.accounts.administration import Administration
from parlor.accounts.api_keys import ApiKeyKind, ApiKeys
from parlor.accounts.authenticator import AccessTokenKind, Authenticator
from parlor.accounts.devices import Devices
from parlor.accounts.directory import AccountDirectory
from parlor.accounts.erased_addresses import ErasedAddresses
from parlor.accounts.erasure import Erasure
from parlor.accounts.exports import Exports
from parlor.accounts.google import GoogleSignIn
from parlor.accounts.guesses import Guesses
from parlor.accounts.identities import ExternalIdentities
from parlor.accounts.issuer_tokens import IssuerTokenKind
from parlor.accounts.issuers import Issuers
from parlor.accounts.jobs import Pruning
from parlor.accounts.key_budgets import KeyBudgets, NoKeyBudgets
from parlor.accounts.key_uses import KeyUses
from parlor.accounts.link_mails import LinkMails
from parlor.accounts.mail.opening import open_mailer
from parlor.accounts.mail.ports import Mailer
from parlor.accounts.mailed_tokens import MailedTokens
from parlor.accounts.mock import MockKind
from parlor.accounts.open_streams import OpenStreams
from parlor.accounts.password_reset import PasswordReset
from parlor.accounts.passwords import Passwords
from parlor.accounts.profiles import Profiles
from parlor.accounts.refresh_tokens import RefreshTokens
from parlor.accounts.registry import Registry
from parlor.accounts.session_cookies import SessionCookies
from parlor.accounts.settings import AuthSettings
from parlor.accounts.setup import Setup, SetupLinks
from parlor.accounts.sign_ins import SignIns
from parlor.accounts.sign_up import SignUp
from parlor.accounts.tokens import AccessTokens
from parlor.accounts.user_data import AccountsUserData
from parlor.accounts.verification import EmailVerification
from parlor.core.clock import Clock
from parlor.core.crypto import SecretKey, load_secret_key
from parlor.core.db import Database
from parlor.core.lifecycle import StartupNotices
from parlor.core.settings import RootSettings


class AccountsProvider(Provider):
    scope = Scope.APP

    services = provide_all(
        Devices,
        SessionCookies,
        AccessTokens,
        AccountDirectory,
        AccountsUserData,
        Administration,
        ApiKeys,
        Guesses,
        ExternalIdentities,
        GoogleSignIn,
        IssuerTokenKind,
        Issuers,
        ErasedAddresses,
        Erasure,
        Exports,
        MockKind,
        Profiles,
        Pruning,
        RefreshTokens,
        Registry,
        Setup,
        SetupLinks,
        SignIns,
        SignUp,
    )

    mailbox = provide_all(EmailVerification, LinkMails, MailedTokens, PasswordReset)

    @provide
    def secret_key(self, settings: AuthSettings, root: RootSettings) -> SecretKey:
        return load_secret_key(settings.secret_key, root)

    @provide
    def passwords(self, settings: AuthSettings) -> Iterator[Passwords]:
        passwords = Passwords(settings)
        yield passwords
        passwords.close()

    @provide
    def mailer(self, settings: AuthSettings, root: RootSettings, clock: Clock) -> Iterator[Mailer]:
        yield from open_mailer(settings.mail, root, clock)

    @provide
    async def key_uses(self, db: Database, clock: Clock) -> AsyncIterator[KeyUses]:
        uses = KeyUses(db, clock)
        yield uses
        await uses.close()

    @provide
    async def open_streams(self, db: Database, authenticator: Authenticator) -> AsyncIterator[OpenStreams]:
        streams = OpenStreams(db, authenticator)
        yield streams
        await streams.close()

    @provide
    def key_budgets(self) -> KeyBudgets:
        """Of a room that keeps the money, when there is one."""
        return NoKeyBudgets()

    @provide
    def authenticator(
        self, db: Database, settings: AuthSettings, clock: Clock, tokens: AccessTokens, key_uses: KeyUses, issuer_tokens: IssuerTokenKind, mock: MockKind
    ) -> Authenticator:
        # Who recognises a token by its issuer comes before who takes every other JWT.
        return Authenticator(db, settings, clock, [issuer_tokens, AccessTokenKind(tokens), ApiKeyKind(db), mock], key_uses=key_uses)

    @decorate
    def notices(self, notices: StartupNotices, links: SetupLinks) -> StartupNotices:
        return notices.adding(links.startup_lines)
