"""Which addresses the sign-in of one server may use, and by which door. Whoever runs the server supplies them, so they are believed in nothing."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from parlor.core.errors import ParlorError
from parlor.core.outbound import Outbound, OutboundFailed, Refused, Target, Timeouts, parse_url
from parlor.core.settings import RootSettings
from parlor.core.web.public_url import is_loopback_url
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable
from parlor.tools.mcp.oauth.tables import MOST_URL_CHARS

TIMEOUTS = Timeouts(connect_seconds=5, first_byte_seconds=10, idle_seconds=5, total_seconds=15)
MOST_BYTES = 256 * 1024
_JSON = {"Accept": "application/json"}
_FORM = {**_JSON, "Content-Type": "application/x-www-form-urlencoded"}


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class Reaches:
    def __init__(self, outbound: Outbound, root: RootSettings) -> None:
        self._outbound = outbound
        self._is_production = root.environment == "production"

    def of(self, server_url: str, *, is_trusted: bool) -> "Reach":
        return Reach(self._outbound, server_url, is_trusted=is_trusted, allows_http=is_trusted and not self._is_production)


class Reach:
    """Only https, and http on this machine for an operator's server outside of production. Redirects are never followed.

    The origin of an operator's own server is called as it is; every other address passes the gate.
    """

    def __init__(self, outbound: Outbound, server_url: str, *, is_trusted: bool, allows_http: bool) -> None:
        self._outbound = outbound
        self._own = parse_url(server_url).origin if is_trusted else None
        self._allows_http = allows_http

    def checked(self, url: str) -> str:
        """The same address, without a fragment. Raises SignInUnusable for one that must not be used: before anything is sent anywhere."""
        target = self._target(url)
        if target.scheme != "https" and not (self._allows_http and is_loopback_url(target.url)):
            raise SignInUnusable(f"the sign-in of this server uses {target.host} without https")
        if target.origin != self._own:
            try:
                self._outbound.gate.check_literal(target)
            except Refused as error:
                raise SignInUnusable(f"the sign-in of this server leads to an address that may not be called: {error.detail}") from error
        return target.url

    async def get(self, url: str) -> Reply:
        return await self._call("GET", url, _JSON, None)

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        return await self._call("POST", url, {**_FORM, **headers}, urlencode(form).encode())

    async def post_json(self, url: str, body: bytes) -> Reply:
        return await self._call("POST", url, {**_JSON, "Content-Type": "application/json"}, body)

    async def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Raises SignInUnusable and SignInUnreachable, whose texts name the host at most."""
        target = self._target(self.checked(url))
        try:
            if target.origin == self._own:
                opened = self._outbound.trusted(method, target.url, headers=headers, body=body, timeouts=TIMEOUTS)
            else:
                opened = self._outbound.guarded(method, target.url, headers=headers, body=body, timeouts=TIMEOUTS, max_redirects=0)
            async with opened as reply:
                return Reply(reply.status, await reply.read_all(MOST_BYTES))
        except OutboundFailed as error:
            raise SignInUnreachable(f"signing in at {target.host} does not work now: {error.detail}") from error
        except ParlorError as error:
            raise SignInUnusable(f"the sign-in of this server leads to an address that may not be called: {error.detail}") from error

    def _target(self, url: str) -> Target:
        if len(url) > MOST_URL_CHARS:
            raise SignInUnusable("the sign-in of this server names an address that is too long")
        try:
            return parse_url(url)
        except Refused as error:
            raise SignInUnusable(f"the sign-in of this server names an address that cannot be used: {error.detail}") from error
