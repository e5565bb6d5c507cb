"""/mcp/grants, and the way of a browser to a tool server's sign-in and back."""

from typing import Annotated, Any
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from parlor.accounts import Authenticator, CallerDep, SessionCookies
from parlor.core.errors import Unauthenticated
from parlor.core.web.pages import BadCursor, Page, PageDep, cut_page
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router
from parlor.tools.errors import ToolError
from parlor.tools.mcp.errors import NoSuchServer
from parlor.tools.mcp.oauth.clients import Clients
from parlor.tools.mcp.oauth.errors import NoClientDocument, NoSignInThere, NoSuchGrant, SignInFailed, SignInRefused
from parlor.tools.mcp.oauth.grants import NEWEST, Grants
from parlor.tools.mcp.oauth.pages import refused_page, signed_in_page
from parlor.tools.mcp.oauth.schemas import GrantRead, SignInRead
from parlor.tools.mcp.oauth.sign_ins import ComeBack, ServerSignIns
from parlor.tools.mcp.ports import ServerDirectory
from parlor.tools.ports import ToolCaller

_MAX_PARAMETER = 4096
_Parameter = Annotated[str | None, Query(max_length=_MAX_PARAMETER)]


def oauth_router() -> APIRouter:
    router = Router(prefix="/mcp", tags=["tools"])

    @router.get("/grants", responses=documents(BadCursor))
    async def list_tool_grants(caller: CallerDep, page: PageDep, grants: FromDishka[Grants]) -> Page[GrantRead]:
        """Tool servers that one has signed in at, newest first."""
        scope = f"tool_grants:{caller.account_id}"
        rows = await grants.list(caller.account_id, before=page.after(scope, UUID) or NEWEST, most=page.fetch)
        shown, next_cursor = cut_page(rows, page.limit, scope, lambda row: row.id)
        return Page(items=[GrantRead.of(row) for row in shown], next_cursor=next_cursor)

    @router.delete("/grants/{server}", status_code=204, responses=documents(NoSuchGrant))
    async def revoke_tool_grant(server: str, caller: CallerDep, grants: FromDishka[Grants]) -> None:
        """Sign out at a tool server: the grant is revoked there, if the server offers that, and deleted here."""
        await grants.revoke(caller.account_id, server)

    @router.post("/servers/{name}/sign-in", responses=documents(NoSuchServer, NoSignInThere, SignInFailed))
    async def begin_tool_sign_in(name: str, caller: CallerDep, servers: FromDishka[ServerDirectory], sign_ins: FromDishka[ServerSignIns]) -> SignInRead:
        """A link to the server's own sign-in, before a turn asks for it or when its link has expired."""
        spec = await servers.find(name, ToolCaller.of(caller))
        if spec is None:
            raise NoSuchServer
        if not spec.uses_sign_in:
            raise NoSignInThere
        try:
            begun = await sign_ins.begin(spec, caller.account_id, None)
        except ToolError as error:
            raise SignInFailed(f"Signing in at {spec.name} is not possible: {error}.") from error
        return SignInRead(url=begun.url)

    @router.get(
        "/oauth/callback",
        openapi_extra=PUBLIC,
        response_class=HTMLResponse,
        responses=documents(SignInRefused),
    )
    async def finish_tool_sign_in(
        request: Request,
        sign_ins: FromDishka[ServerSignIns],
        cookies: FromDishka[SessionCookies],
        authenticator: FromDishka[Authenticator],
        state: _Parameter = None,
        code: _Parameter = None,
        error: _Parameter = None,
        iss: _Parameter = None,
    ) -> Response:
        """Where an authorization server sends the browser back to: a page for whoever sits there, also when nobody was signed in. Works once."""
        try:
            came = ComeBack(state or "", code, error, iss)
            server = await sign_ins.finish(came, signed_in_as=await _signed_in(request, cookies, authenticator))
        except SignInRefused as refusal:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return refused_page(refusal.detail)
        return signed_in_page(server.rpartition("/")[2])

    @router.get("/oauth/client-metadata.json", openapi_extra=PUBLIC, responses=documents(NoClientDocument))
    async def read_client_document(clients: FromDishka[Clients]) -> dict[str, Any]:
        """What this installation says of itself to authorization servers that know clients by the address of such a document."""
        if clients.document_url() is None:
            raise NoClientDocument
        return dict(clients.document())

    return router


async def _signed_in(request: Request, cookies: SessionCookies, authenticator: Authenticator) -> UUID | None:
    """Whose browser it is, where that is known: front ends elsewhere have no cookie of ours."""
    token = cookies.access_token_of(request)
    try:
        return (await authenticator.resolve(token)).account_id if token is not None else None
    except Unauthenticated:
        return None
