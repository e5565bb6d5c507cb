"""What every route answers to everybody. A route that is not here fails the matrix: declare it together with the route."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parlor.accounts import Scope
from parlor.core.ids import new_id
from parlor.main import ALIASES, API
from tests.security.operations import IMPORTABLE
from tests.security.site import Principal, Scene, Site
from tests.support.chat import PASSWORD

Outcomes = Mapping[Principal, tuple[int, str]]
"""Status, and the problem's code where it is one."""

MakeBody = Callable[[Site, Scene], Awaitable[Any]]

_NOBODY: dict[Principal, tuple[int, str]] = {
    "anonymous": (401, "auth.unauthenticated"),
    "suspended": (401, "auth.sign_in_ended"),  # a suspension ends every sign-in; a new one is refused with 403
    "expired": (401, "auth.token_expired"),
    "refresh": (401, "auth.invalid_token"),
    "demoted_before": (401, "auth.sign_in_ended"),
}
_EVERYBODY: tuple[Principal, ...] = ("anonymous", "other", "suspended", "expired", "refresh", "demoted_before", "demoted", "administrator", "owner")


@dataclass(frozen=True)
class Declared:
    outcomes: Outcomes
    body: MakeBody | None = None
    query: str = ""
    parameters: Mapping[str, str] | None = None
    """For path parameters that are no ids."""
    changes_owner: bool = False
    """What an administrator does with it is seen by the owner of the scene."""
    ends_sign_ins: bool = False
    """It takes the caller's tokens away, so it needs callers of its own."""
    scopes: tuple[Scope, ...] = ()
    """Each of them opens it to an API key. Without any it is closed to them."""


def public(status: int, **more: Any) -> Declared:
    return Declared(dict.fromkeys(_EVERYBODY, (status, "")), **more)


def off(code: str, **more: Any) -> Declared:
    """Public, and switched off by the settings of this server."""
    return Declared(dict.fromkeys(_EVERYBODY, (404, code)), **more)


def own(status: int, **more: Any) -> Declared:
    """Names no object: whoever is signed in gets their own."""
    return Declared({**dict.fromkeys(_EVERYBODY, (status, "")), **_NOBODY}, **more)


def own_at_openai(status: int, **more: Any) -> Declared:
    """The same in OpenAI's envelope, which has one code for whoever is not let in."""
    return Declared({**dict.fromkeys(_EVERYBODY, (status, "")), **dict.fromkeys(_NOBODY, (401, "invalid_api_key"))}, **more)


def of_owner(status: int, code: str, **more: Any) -> Declared:
    """Whose object it is not cannot tell it from a missing one. Administrators neither: conversations are private."""
    return Declared({**dict.fromkeys(_EVERYBODY, (404, code)), **_NOBODY, "owner": (status, "")}, **more)


def for_administrators(status: int, code: str = "", **more: Any) -> Declared:
    outcomes = {**dict.fromkeys(_EVERYBODY, (403, "auth.administrators_only")), **_NOBODY, "administrator": (status, code)}
    return Declared(outcomes, scopes=("admin",), **more)


def _sends(**body: Any) -> MakeBody:
    async def make(site: Site, scene: Scene) -> Any:
        return body

    return make


async def _new_account(site: Site, scene: Scene) -> Any:
    return {"email": f"{new_id()}@example.com", "password": PASSWORD}


async def _login(site: Site, scene: Scene) -> Any:
    return {"login": scene.owner.email, "password": PASSWORD}


async def _verification_token(site: Site, scene: Scene) -> Any:
    return {"token": await site.mailed_token(await site.sign_up())}


async def _reset_token(site: Site, scene: Scene) -> Any:
    member = await site.sign_up()
    await site.admin_or_nobody.post("/auth/password/forgot", json={"email": member.email})
    return {"token": await site.mailed_token(member, "reset-password"), "password": "another quiet river"}


async def _refresh_token(site: Site, scene: Scene) -> Any:
    return {"refresh_token": (await site.sign_up()).refresh_token}


async def _answer(site: Site, scene: Scene) -> Any:
    return {"message_id": scene.answer_id}


async def _new_grant(site: Site, scene: Scene) -> Any:
    return {"amount_micros": 5, "reference": str(new_id())}


async def _new_refund(site: Site, scene: Scene) -> Any:
    """Of a charge that is there: as much as leaves some for the next."""
    return {"turn_id": scene.turn_id, "amount_micros": 1, "reference": str(new_id())}


async def _new_voucher(site: Site, scene: Scene) -> Any:
    return {"amount_micros": 5}


async def _new_mcp_server(site: Site, scene: Scene) -> Any:
    """Switched off, so that nobody calls there."""
    return {"name": f"s{new_id()}", "url": "https://93.184.216.34/mcp", "enabled": False}


async def _new_agent(site: Site, scene: Scene) -> Any:
    return {"name": f"a{new_id()}", "system_prompt": "Rhyme."}


_SESSION, _TURN, _KEY = "chat.no_such_session", "chat.no_such_turn", "auth.no_such_api_key"
_LAYER = "prompts.no_such_customization"
_SERVER = {"name": "weather", "tool": "forecast"}
"""An MCP server of the operator's file, which is switched off."""
_READ: tuple[Scope, ...] = ("read",)
_CHAT: tuple[Scope, ...] = ("chat",)
_CHAT_READ: tuple[Scope, ...] = ("chat", "read")
_WALLET: tuple[Scope, ...] = ("wallet",)
_WALLET_READ: tuple[Scope, ...] = ("wallet", "read")

_COMPOSIO_OFF: Outcomes = {**dict.fromkeys(_EVERYBODY, (404, "composio.not_configured")), **_NOBODY}
"""Without a key for it. What it does with one is looked at in tests/tools/composio."""
_OFF_FOR_ADMINISTRATORS: Outcomes = {
    **dict.fromkeys(_EVERYBODY, (403, "auth.administrators_only")),
    **_NOBODY,
    "administrator": (404, "composio.not_configured"),
}


def _of_operator(body: MakeBody | None) -> Declared:
    """The agent that is there for everybody stands in no row. Whose own one is whose is looked at in tests/agents."""
    return Declared(
        {**dict.fromkeys(_EVERYBODY, (409, "agents.of_operator")), **_NOBODY}, body=body, parameters={"name": "assistant"}, scopes=_CHAT
    )  # fmt: skip


DECLARED: Mapping[str, Declared] = {
    "POST /api/v1/auth/register": public(201, body=_new_account),
    "POST /api/v1/auth/login": public(200, body=_login),
    "POST /api/v1/auth/refresh": public(200, body=_refresh_token),
    "POST /api/v1/auth/logout": public(204, body=_refresh_token),
    "POST /api/v1/auth/setup": Declared(
        dict.fromkeys(_EVERYBODY, (403, "auth.invalid_setup_token")), body=_sends(token="x" * 43, email="second@example.com", password=PASSWORD)
    ),
    "POST /api/v1/auth/verify-email": public(200, body=_verification_token),
    "POST /api/v1/auth/verify-email/send": own(202),
    "POST /api/v1/auth/password/forgot": public(202, body=_sends(email="nobody@example.com")),
    "POST /api/v1/auth/password/reset": public(200, body=_reset_token),
    "POST /api/v1/auth/password": own(200, body=_sends(current_password=PASSWORD, new_password="another quiet river"), ends_sign_ins=True),
    "POST /api/v1/auth/google": off("auth.google_off", body=_sends(id_token="x")),
    "GET /api/v1/auth/google/start": off("auth.google_off"),
    "GET /api/v1/auth/google/callback": off("auth.google_off"),
    "GET /api/v1/auth/me": own(200, scopes=_READ),
    "PATCH /api/v1/auth/me": own(200, body=_sends(display_name="Somebody")),
    "GET /api/v1/auth/sessions": own(200),
    "DELETE /api/v1/auth/sessions": own(204, ends_sign_ins=True),
    "DELETE /api/v1/auth/sessions/{sign_in_id}": of_owner(204, "auth.no_such_sign_in"),
    "POST /api/v1/api-keys": own(201, body=_sends(name="Mine")),
    "GET /api/v1/api-keys": own(200),
    "GET /api/v1/api-keys/{api_key_id}": of_owner(200, _KEY),
    "PATCH /api/v1/api-keys/{api_key_id}": of_owner(200, _KEY, body=_sends(name="Taken over")),
    "DELETE /api/v1/api-keys/{api_key_id}": of_owner(204, _KEY),
    "DELETE /api/v1/auth/me": own(200, body=_sends(password=PASSWORD), ends_sign_ins=True),
    "GET /api/v1/auth/me/export": own(200),
    "GET /api/v1/users": for_administrators(200),
    "POST /api/v1/users": for_administrators(201, body=_new_account),
    "GET /api/v1/users/{user_id}": for_administrators(200),
    "PATCH /api/v1/users/{user_id}": for_administrators(200, body=_sends(display_name="Somebody else")),
    "DELETE /api/v1/users/{user_id}": Declared(
        # the owner comes last, when the account is gone
        {**dict.fromkeys(_EVERYBODY, (403, "auth.administrators_only")), **_NOBODY, "administrator": (200, ""), "owner": (401, "auth.sign_in_ended")},
        scopes=("admin",),
        changes_owner=True,
    ),
    "GET /api/v1/users/{user_id}/export": Declared(
        {**dict.fromkeys(_EVERYBODY, (403, "auth.administrators_only")), **_NOBODY, "administrator": (200, ""), "owner": (200, "")}
    ),
    "GET /api/v1/admin/modules": for_administrators(200),
    "GET /api/v1/wallet": own(200, scopes=_WALLET_READ),
    "POST /api/v1/wallet": own(200, scopes=_WALLET),
    "GET /api/v1/wallet/entries": own(200, scopes=_WALLET_READ),
    "POST /api/v1/users/{user_id}/grants": for_administrators(201, body=_new_grant, changes_owner=True),
    "POST /api/v1/users/{user_id}/refunds": for_administrators(201, body=_new_refund, changes_owner=True),
    "POST /api/v1/wallet/vouchers": Declared(
        {**dict.fromkeys(_EVERYBODY, (404, "wallet.invalid_voucher")), **_NOBODY}, body=_sends(code="0000-0000-0000-0000"), scopes=_WALLET
    ),
    "GET /api/v1/vouchers": for_administrators(200),
    "POST /api/v1/vouchers": for_administrators(201, body=_new_voucher),
    "DELETE /api/v1/vouchers/{voucher_id}": for_administrators(204),
    "GET /api/v1/models": own(200, scopes=_CHAT_READ),
    "GET /api/v1/api-keys/{api_key_id}/budgets": of_owner(200, _KEY),
    "PUT /api/v1/api-keys/{api_key_id}/budgets": of_owner(200, _KEY, body=_sends(day_micros=10**12)),
    "GET /api/v1/users/{user_id}/budgets": for_administrators(200),
    "PUT /api/v1/users/{user_id}/budgets": for_administrators(200, body=_sends(day_micros=10**12)),
    "GET /api/v1/wallet/usage": own(200, scopes=_WALLET_READ),
    "GET /api/v1/users/{user_id}/usage": for_administrators(200),
    "GET /api/v1/usage": for_administrators(200),
    "GET /api/v1/prices": for_administrators(200),
    "PUT /api/v1/prices": for_administrators(200, body=_sends(model="parlor/offline", input_micros_per_mtok=1_000_000, output_micros_per_mtok=3_000_000)),
    "GET /api/v1/search": own(200, query="?q=weather", scopes=_CHAT_READ),
    "POST /api/v1/sessions": own(201, body=_sends(title="Mine"), scopes=_CHAT),
    "GET /api/v1/sessions": own(200, scopes=_CHAT_READ),
    "GET /api/v1/sessions/export": own(200, scopes=_CHAT_READ),
    "POST /api/v1/sessions/import": own(201, body=_sends(**IMPORTABLE), scopes=_CHAT),
    "GET /api/v1/sessions/{session_id}/export": of_owner(200, _SESSION, scopes=_CHAT_READ),
    "POST /api/v1/sessions/{session_id}/share": of_owner(201, _SESSION, scopes=_CHAT),
    "DELETE /api/v1/sessions/{session_id}/share": of_owner(204, _SESSION, scopes=_CHAT),
    "GET /api/v1/shared/{token}": Declared(dict.fromkeys(_EVERYBODY, (404, "chat.no_such_share")), parameters={"token": "sh_" + "x" * 43}),
    "POST /api/v1/chat": own(200, body=_sends(message="Hello?"), scopes=_CHAT),
    "POST /api/v1/agent/invoke": own(200, body=_sends(message="Hello?"), scopes=_CHAT),
    "POST /api/v1/agent/analyze-intent": own(200, body=_sends(message="Hello?", model="parlor/offline"), scopes=_CHAT),
    "POST /api/v1/agent/stream": own(200, body=_sends(message="Hello?"), scopes=_CHAT),
    "GET /api/v1/sessions/{session_id}": of_owner(200, _SESSION, scopes=_CHAT_READ),
    "PATCH /api/v1/sessions/{session_id}": of_owner(200, _SESSION, body=_sends(title="Taken over"), scopes=_CHAT),
    "PUT /api/v1/sessions/{session_id}/notes": of_owner(200, _SESSION, body=_sends(notes="I was here"), scopes=_CHAT),
    "DELETE /api/v1/sessions/{session_id}": of_owner(204, _SESSION, scopes=_CHAT),
    "POST /api/v1/sessions/{session_id}/fork": of_owner(201, _SESSION, body=_answer, scopes=_CHAT),
    "GET /api/v1/sessions/{session_id}/memory": of_owner(200, _SESSION, scopes=_CHAT_READ),
    "DELETE /api/v1/sessions/{session_id}/summary": of_owner(204, _SESSION, scopes=_CHAT),
    "GET /api/v1/sessions/{session_id}/messages": of_owner(200, _SESSION, scopes=_CHAT_READ),
    "POST /api/v1/sessions/{session_id}/messages": of_owner(202, _SESSION, body=_sends(content="Tell me more."), scopes=_CHAT),
    "POST /api/v1/sessions/{session_id}/regenerate": of_owner(202, _SESSION, body=_answer, scopes=_CHAT),
    "POST /api/v1/chat/message": own(200, body=_sends(message="Hello?"), scopes=_CHAT),
    "POST /api/v1/chat/conversation": own(200, body=_sends(messages=[{"role": "user", "content": "Hello?"}]), scopes=_CHAT),
    "POST /api/v1/chat/analyze": own(200, body=_sends(text="A quiet place", model="parlor/offline"), scopes=_CHAT),
    "GET /api/v1/mcp/servers": own(200, scopes=_CHAT_READ),
    "GET /api/v1/mcp/servers/{name}": own(200, parameters=_SERVER, scopes=_CHAT_READ),
    "POST /api/v1/mcp/servers": for_administrators(201, body=_new_mcp_server),
    "PATCH /api/v1/mcp/servers/{name}": for_administrators(409, "mcp.server_from_file", body=_sends(description="Taken over"), parameters=_SERVER),
    "DELETE /api/v1/mcp/servers/{name}": for_administrators(409, "mcp.server_from_file", parameters=_SERVER),
    "POST /api/v1/mcp/servers/{name}/test": for_administrators(200, parameters=_SERVER),
    "POST /api/v1/mcp/servers/{name}/tools/{tool}/approve": for_administrators(404, "mcp.no_such_tool", body=_sends(hash="0" * 64), parameters=_SERVER),
    "POST /api/v1/mcp/reload": for_administrators(200),
    "GET /api/v1/turns/{turn_id}": of_owner(200, _TURN, scopes=_CHAT_READ),
    "GET /api/v1/turns/{turn_id}/events": of_owner(200, _TURN, scopes=_CHAT_READ),
    "POST /api/v1/turns/{turn_id}/stop": of_owner(200, _TURN, scopes=_CHAT),
    "GET /api/v1/composio/auth-configs": Declared(_OFF_FOR_ADMINISTRATORS, scopes=("admin",)),
    "POST /api/v1/composio/auth-configs": Declared(_OFF_FOR_ADMINISTRATORS, body=_sends(toolkit="github"), scopes=("admin",)),
    "GET /api/v1/composio/toolkits": Declared(_COMPOSIO_OFF, scopes=_CHAT_READ),
    "GET /api/v1/composio/toolkits/{toolkit}/actions": Declared(_COMPOSIO_OFF, parameters={"toolkit": "github"}, scopes=_CHAT_READ),
    "POST /api/v1/composio/connections/initiate": Declared(_COMPOSIO_OFF, body=_sends(toolkit="github"), scopes=_CHAT),
    "POST /api/v1/composio/connections/initiate-enhanced": Declared(_COMPOSIO_OFF, body=_sends(toolkit="github"), scopes=_CHAT),
    "GET /api/v1/composio/connections": Declared(_COMPOSIO_OFF, scopes=_CHAT_READ),
    "GET /api/v1/composio/connections/{connection_id}": Declared(_COMPOSIO_OFF, parameters={"connection_id": str(new_id())}, scopes=_CHAT_READ),
    "DELETE /api/v1/composio/connections/{connection_id}": Declared(_COMPOSIO_OFF, parameters={"connection_id": str(new_id())}, scopes=_CHAT),
    "POST /api/v1/composio/tools/{slug}/execute": Declared(_COMPOSIO_OFF, body=_sends(arguments={}), parameters={"slug": "GITHUB_CREATE_ISSUE"}, scopes=_CHAT),
    "GET /api/v1/mcp/grants": own(200),
    "DELETE /api/v1/mcp/grants/{server}": Declared({**dict.fromkeys(_EVERYBODY, (404, "mcp.no_such_grant")), **_NOBODY}, parameters={"server": "notes"}),
    "POST /api/v1/mcp/servers/{name}/sign-in": Declared({**dict.fromkeys(_EVERYBODY, (404, "mcp.no_such_server")), **_NOBODY}, parameters={"name": "notes"}),
    "GET /api/v1/mcp/oauth/callback": Declared(dict.fromkeys(_EVERYBODY, (400, "mcp.sign_in_refused")), query="?state=x&code=y"),
    "GET /api/v1/mcp/oauth/client-metadata.json": off("mcp.no_client_document"),
    "POST /api/v1/turns/{turn_id}/answers/{question_id}": Declared(
        # the turn of the scene is over and asks nothing
        {**dict.fromkeys(_EVERYBODY, (404, _TURN)), **_NOBODY, "owner": (404, "chat.no_such_question")},
        body=_sends(decision="approve"),
        parameters={"question_id": "01890000-0000-7000-8000-000000000000"},
        scopes=_CHAT,
    ),
    "GET /api/v1/tools": own(200, scopes=_CHAT_READ),
    "POST /api/v1/tools/{name}/call": own(200, body=_sends(arguments={"expression": "1+1"}), parameters={"name": "calculator"}, scopes=_CHAT),
    "POST /api/v1/prompts/customizations": own(201, body=_sends(agent_name="assistant", mode="append", content="Talk of seas."), scopes=_CHAT),
    "GET /api/v1/prompts/customizations": own(200, scopes=_CHAT_READ),
    "GET /api/v1/prompts/customizations/{customization_id}": of_owner(200, _LAYER, scopes=_CHAT_READ),
    "PUT /api/v1/prompts/customizations/{customization_id}": of_owner(
        200, _LAYER, body=_sends(agent_name="assistant", mode="append", content="Taken over"), scopes=_CHAT
    ),
    "DELETE /api/v1/prompts/customizations/{customization_id}": of_owner(204, _LAYER, scopes=_CHAT),
    "GET /api/v1/agents": own(200, scopes=_CHAT_READ),
    "POST /api/v1/agents": own(201, body=_new_agent, scopes=_CHAT),
    "GET /api/v1/agents/{name}": own(200, parameters={"name": "assistant"}, scopes=_CHAT_READ),
    "PUT /api/v1/agents/{name}": _of_operator(_sends(system_prompt="Taken over")),
    "DELETE /api/v1/agents/{name}": _of_operator(None),
    "GET /api/v1/agents/{name}/versions": own(200, parameters={"name": "assistant"}, scopes=_CHAT_READ),
    "GET /api/v1/agent/capabilities": own(200, scopes=_CHAT_READ),
    "GET /api/v1/agents/{name}/effective-prompt": own(200, parameters={"name": "assistant"}, scopes=_CHAT_READ),
    "GET /v1/models": own_at_openai(200, scopes=_CHAT_READ),
    "GET /v1/models/{model}": own_at_openai(200, parameters={"model": "parlor/offline"}, scopes=_CHAT_READ),
    "GET /api/v1/health/detailed": public(200),
    "GET /api/v1/health/{component}": public(200, parameters={"component": "database"}),
    **{f"{method} /health{path}": public(200) for path in ("", "/live", "/ready") for method in ("GET", "HEAD")},
    "GET /metrics": public(200),
    "GET /docs": public(200),
    "GET /docs/{name}": public(200, parameters={"name": "start.js"}),
    "GET /openapi.json": public(200),
    "GET /setup": public(200),
    "GET /verify-email": public(200),
    "GET /reset-password": public(200),
    "GET /pages/{name}": public(200, parameters={"name": "page.js"}),
}


def canonical(route: str) -> str:
    """Of an alias: the route that it stands for."""
    method, _, path = route.partition(" ")
    for beginning, alias in ALIASES.items():
        if path == alias or path.startswith(alias + "/"):
            return f"{method} {API}{beginning}{path[len(alias) :]}"
    return route


def aliases_of(route: str) -> list[str]:
    method, _, path = route.partition(" ")
    return [
        f"{method} {alias}{path[len(API + beginning) :]}"
        for beginning, alias in ALIASES.items()
        if path == API + beginning or path.startswith(f"{API}{beginning}/")
    ]
