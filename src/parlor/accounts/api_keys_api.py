"""/api-keys: one's own keys for programs. Only people manage them: a key that could make keys could outlive its own end."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Header, Response

from parlor.accounts.access import CallerDep
from parlor.accounts.api_key_schemas import ApiKeyChange, ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from parlor.accounts.api_keys import ApiKeys, RequestKey
from parlor.accounts.errors import AdministratorsOnly, NoSuchApiKey, TooManyApiKeys
from parlor.core.idempotency import BadIdempotencyKey, IdempotencyMismatch, KeyInProgress, check_key, hash_of
from parlor.core.web.pages import BadCursor, Page, PageDep, cut_page
from parlor.core.web.problems import documents
from parlor.core.web.routing import Router

_CREATING = documents(AdministratorsOnly, TooManyApiKeys, BadIdempotencyKey, IdempotencyMismatch, KeyInProgress)


def api_keys_router() -> APIRouter:
    router = Router(prefix="/api-keys", tags=["API keys"])

    @router.post("", status_code=201, responses=_CREATING)
    async def create_api_key(
        body: ApiKeyCreate,
        caller: CallerDep,
        keys: FromDishka[ApiKeys],
        response: Response,
        idempotency_key: Annotated[str | None, Header(description="The same key and body again make no second key; `key` is null then.")] = None,
    ) -> ApiKeyCreated:
        """Make a key. Its text is in this answer and nowhere else: it is not stored, so a lost one is revoked and replaced."""
        request = None
        if idempotency_key is not None:
            request = RequestKey(check_key(idempotency_key), hash_of({**body.model_dump(mode="json"), "scopes": sorted(body.scopes)}))
        shown = await keys.create(caller.account_id, body.new_key(), request)
        if shown.is_repeat:
            response.headers["Idempotency-Replayed"] = "true"
        return ApiKeyCreated.of(shown)

    @router.get("", responses=documents(BadCursor))
    async def list_api_keys(caller: CallerDep, page: PageDep, keys: FromDishka[ApiKeys]) -> Page[ApiKeyRead]:
        """Newest first, revoked and expired ones too."""
        scope = f"api_keys:{caller.account_id}"
        rows = await keys.list(caller.account_id, before=page.after(scope, UUID), most=page.fetch)
        shown, next_cursor = cut_page(rows, page.limit, scope, lambda row: row.key.id)
        return Page(items=[ApiKeyRead.of(row) for row in shown], next_cursor=next_cursor)

    @router.get("/{api_key_id}", responses=documents(NoSuchApiKey))
    async def read_api_key(api_key_id: UUID, caller: CallerDep, keys: FromDishka[ApiKeys]) -> ApiKeyRead:
        return ApiKeyRead.of(await keys.get(caller.account_id, api_key_id))

    @router.patch("/{api_key_id}", responses=documents(NoSuchApiKey))
    async def rename_api_key(api_key_id: UUID, body: ApiKeyChange, caller: CallerDep, keys: FromDishka[ApiKeys]) -> ApiKeyRead:
        """What it may do never changes: make another one for that."""
        return ApiKeyRead.of(await keys.rename(caller.account_id, api_key_id, body.name))

    @router.delete("/{api_key_id}", status_code=204, responses=documents(NoSuchApiKey))
    async def revoke_api_key(api_key_id: UUID, caller: CallerDep, keys: FromDishka[ApiKeys]) -> None:
        """End it for good, within 5 seconds everywhere. It stays in the list."""
        await keys.revoke(caller.account_id, api_key_id)

    return router
