"""Mock mode: on a developer's machine a request without a token is whoever its `user_id` names. It is refused everywhere else, at the start and at run time."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from starlette.requests import Request

from parlor.accounts import identity_queries, queries
from parlor.accounts.account import Account
from parlor.accounts.authenticator import Identity
from parlor.accounts.caller import ALL_SCOPES
from parlor.accounts.errors import AccountNotFound, InvalidEmail, MockModeRefused
from parlor.accounts.identities import ExternalIdentities, Proved
from parlor.accounts.mock_rules import WARNING, is_loopback
from parlor.accounts.settings import AuthSettings
from parlor.accounts.text import clean_display_name, normalise_email
from parlor.core.db import Database, Transaction
from parlor.core.errors import Unauthenticated
from parlor.core.health import Check, Health, Status

MAX_NAME = 100

_ISSUER = "mock"
_MARK = "\x00mock:"
"""No header can carry a NUL, so nobody can send what begins with it as a token."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class MockKind:
    def __init__(self, db: Database, settings: AuthSettings, identities: ExternalIdentities) -> None:
        self._db = db
        self._is_on = settings.mode == "mock"
        self._identities = identities

    def credential_of(self, request: Request) -> str | None:
        """Of a request without a token; None when mock mode is off. Raises `Unauthenticated` without a name, `MockModeRefused` from another machine."""
        if not self._is_on:
            return None
        if not _is_from_here(request):
            raise MockModeRefused
        name = user_id_of(request)
        if name is None:
            raise Unauthenticated("Mock mode: say who you are with user_id, in the body, the query or the header X-User-ID.")
        return _MARK + name

    def recognises(self, text: str) -> bool:
        return self._is_on and text.startswith(_MARK)

    async def identify(self, text: str) -> Identity:
        """An id, an address, a username or a name that was used before finds its account; any other name makes one."""
        name = text.removeprefix(_MARK)
        found = await self._db.read(lambda tx: _find(tx, name))
        account = found or await self._identities.open(Proved(_ISSUER, name, display_name=_display_name(name)), lambda _, account: account)
        return Identity("mock", account.id, ALL_SCOPES)


def user_id_of(request: Request) -> str | None:
    """Whom a request names: `user_id` in its JSON body, else in the query, else the header X-User-ID. Raises `Unauthenticated` for what is no name."""
    body: object = getattr(request, "parsed", None)
    named = cast("dict[str, object]", body).get("user_id") if isinstance(body, dict) else None
    name = named or request.query_params.get("user_id") or request.headers.get("x-user-id")
    if name is None:
        return None
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise Unauthenticated(f"user_id is a text of 1 to {MAX_NAME} printable characters.")
    return name.strip()


def mock_checks(settings: AuthSettings) -> Sequence[Check]:
    async def look() -> Health:
        return Health(Status.DEGRADED, advice=WARNING)

    return [Check("mock_mode", look)] if settings.mode == "mock" else []


def _is_from_here(request: Request) -> bool:
    """A proxy on this machine comes from here too: what it forwards does not."""
    host = request.url.hostname
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    return request.client is not None and is_loopback(request.client.host) and host is not None and is_loopback(host) and not is_forwarded


def _find(tx: Transaction, name: str) -> Account | None:
    known = identity_queries.find(tx, _ISSUER, name)
    found = queries.find_account(tx, account_id) if (account_id := known.account_id if known is not None else _uuid(name)) is not None else None
    return found or _find_by_address(tx, name) or queries.find_by_username(tx, name.lower())


def _find_by_address(tx: Transaction, name: str) -> Account | None:
    try:
        return queries.find_by_email(tx, normalise_email(name)) if "@" in name else None
    except InvalidEmail:
        return None


def account_id_of(name: str) -> UUID:
    """Raises `AccountNotFound` for what is no id."""
    found = _uuid(name)
    if found is None:
        raise AccountNotFound
    return found


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _display_name(name: str) -> str | None:
    try:
        return clean_display_name(name)
    except ValueError:
        return None
