"""What is said at a token endpoint (RFC 6749, RFC 7009): a code for tokens, new tokens for old ones, and tokens that shall count no more."""

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from parlor.tools.mcp.oauth.challenge import scopes_in
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable, TokenRefused
from parlor.tools.mcp.oauth.reach import Reach, Reply
from parlor.tools.mcp.oauth.terms import Terms, Tokens

_MOST_TOKEN_CHARS = 16 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What may stand in a header (RFC 6750 allows even less)."""
_LONGEST_SECONDS = 10 * 366 * 86400


class _Answer(msgspec.Struct, frozen=True):
    access_token: str | None = None
    token_type: str | None = None
    expires_in: float | str | None = None
    refresh_token: str | None = None
    scope: str | None = None
    error: str | None = None


async def exchange(reach: Reach, terms: Terms, *, code: str, verifier: str) -> Tokens:
    """Raises TokenRefused, SignInUnusable, SignInUnreachable; so does `renew`."""
    return await _ask(reach, terms, {"grant_type": "authorization_code", "code": code, "redirect_uri": terms.redirect_uri, "code_verifier": verifier})


async def renew(reach: Reach, terms: Terms, refresh_token: str) -> Tokens:
    """The old refresh token may count no more from then on, even when the answer does not arrive."""
    return await _ask(reach, terms, {"grant_type": "refresh_token", "refresh_token": refresh_token})


async def revoke(reach: Reach, terms: Terms, token: str, *, is_refresh_token: bool) -> bool:
    """Whether the authorization server has confirmed it; False where it offers nothing of the kind. Raises SignInUnusable and SignInUnreachable."""
    if terms.revocation_endpoint is None:
        return False
    form, headers = _as_client(terms, {"token": token, "token_type_hint": "refresh_token" if is_refresh_token else "access_token"})
    return (await reach.post_form(terms.revocation_endpoint, form, headers)).status == 200


async def _ask(reach: Reach, terms: Terms, form: Mapping[str, str]) -> Tokens:
    form, headers = _as_client(terms, form if terms.resource is None else {**form, "resource": terms.resource})
    return _read(await reach.post_form(terms.token_endpoint, form, headers))


def _as_client(terms: Terms, form: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The form and the headers, with what shows that it is us."""
    secret = terms.client_secret
    if terms.auth_method == "client_secret_basic" and secret is not None:
        pair = f"{quote(terms.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, section 2.3.1
        return form, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    if terms.auth_method == "client_secret_post" and secret is not None:
        return {**form, "client_id": terms.client_id, "client_secret": secret}, {}
    return {**form, "client_id": terms.client_id}, {}


def _read(reply: Reply) -> Tokens:
    if reply.status >= 500 or reply.status in (408, 429):
        raise SignInUnreachable(f"the authorization server answers {reply.status} now")
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        answer = _Answer()
    if answer.error is not None and (reply.status in (400, 401, 403) or answer.access_token is None):
        raise TokenRefused(_word(answer.error))
    if reply.status not in (200, 201) or not _is_token(answer.access_token):
        raise SignInUnusable(f"the authorization server answers {reply.status} without a token")
    if (answer.token_type or "bearer").lower() != "bearer":
        raise SignInUnusable("the authorization server gives tokens of a kind that cannot be used")
    assert answer.access_token is not None
    refresh_token = answer.refresh_token if _is_token(answer.refresh_token) else None
    return Tokens(answer.access_token, refresh_token, _lifetime(answer.expires_in), scopes_in(answer.scope))


def _is_token(text: str | None) -> bool:
    return text is not None and len(text) <= _MOST_TOKEN_CHARS and _TOKEN.fullmatch(text) is not None


def _lifetime(said: float | str | None) -> float | None:
    """Some servers write the number as text."""
    try:
        seconds = float(said) if said is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_SECONDS else None


def _word(error: str) -> str:
    """A word of OAuth, and nothing that somebody else wants to be read in our logs."""
    return error if re.fullmatch(r"[a-z_]{1,60}", error) else "an unknown error"
