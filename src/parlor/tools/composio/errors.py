"""How Composio fails us, and what is refused here.

The sentences are ours: what Composio writes may quote what was sent to it. Of its own words only a code, a slug and a request id are kept.
"""

from typing import Any

from parlor.core.errors import BadUpstream, Conflict, Invalid, NotFound, RateLimited, Unavailable


class NotConfigured(NotFound):
    """Nothing was called."""

    code = "composio.not_configured"
    detail = "Composio is off on this server: its operator sets COMPOSIO_API_KEY and starts it again."


class ComposioUnavailable(Unavailable):
    """`may_be_done`: the request was sent, and nobody knows what became of it."""

    code = "composio.unavailable"
    detail = "Composio does not answer."

    def __init__(self, detail: str | None = None, /, *, may_be_done: bool = False, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.may_be_done = may_be_done


class KeyRefused(BadUpstream):
    code = "composio.key_refused"
    detail = "Composio does not accept the key of this server, or the key may not do this: its operator checks COMPOSIO_API_KEY."


class ComposioBusy(RateLimited):
    code = "composio.rate_limited"
    detail = "Composio limits our requests: try again later."


class ComposioRefused(Invalid):
    """`said`: its words, without anything that looks like a credential, for the model whose arguments they may be about."""

    code = "composio.refused"
    detail = "Composio refuses this request."

    def __init__(self, detail: str | None = None, /, *, said: str = "", **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.said = said


class UnknownToComposio(NotFound):
    code = "composio.not_found"
    detail = "Composio knows no such thing."


class NoSuchToolkit(NotFound):
    code = "composio.no_such_toolkit"
    detail = "There is no such toolkit: GET /composio/toolkits lists those that there are."


class NoSuchAction(NotFound):
    code = "composio.no_such_action"
    detail = "There is no such action: GET /composio/toolkits/{slug}/actions lists those of a toolkit."


class NoSuchConnection(NotFound):
    code = "composio.no_such_connection"
    detail = "There is no such connection, or it is not yours."


class NoSuchAuthConfig(Invalid):
    code = "composio.no_such_auth_config"
    detail = "This toolkit has no such auth config that could be used: leave it out to use the right one."


class NotConnected(Conflict):
    """Carries `toolkit`. Nothing was executed."""

    code = "composio.not_connected"

    def __init__(self, toolkit: str) -> None:
        cure = f'POST /composio/connections/initiate {{"toolkit": "{toolkit}"}} gives the address to sign in at.'
        super().__init__(f"You have not connected {toolkit}: {cure}", toolkit=toolkit)


class TooManySignIns(Conflict):
    code = "composio.too_many_sign_ins"
    detail = "Too many sign-ins were begun and not finished: finish one, or wait until they expire."


class UnsafeCallback(Invalid):
    code = "composio.unsafe_callback"
    detail = "The callback_url is a path of this server, or an address at one of its origins: see server.public_url and server.cors_origins."


class NoVersion(BadUpstream):
    code = "composio.no_version"
    detail = "Composio names no version of this toolkit: set one in tools.composio.toolkits."
