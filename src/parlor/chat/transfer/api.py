"""Export and import over HTTP."""

from typing import Annotated, Any, Literal
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from parlor.accounts import ChatDep, ChatReadDep
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.settings import ChatSettings
from parlor.chat.transfer.exports import ExportFile, SessionExports
from parlor.chat.transfer.files import ImportTooLarge, UnknownExport, UnreadableImport
from parlor.chat.transfer.imports import ImportInProgress, SessionImports
from parlor.chat.transfer.keyed import KeyedImports
from parlor.chat.transfer.schemas import ImportRead
from parlor.chat.transfer.uploads import content_of
from parlor.core.errors import UnsupportedMediaType
from parlor.core.idempotency import IdempotencyMismatch, KeyInProgress, check_key
from parlor.core.web import Router, documents
from parlor.llm import ModelAccess

router = Router(tags=["sessions"])

_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "A file.", "content": {"application/json": {}, "text/markdown": {}}}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An export of Parlor, ChatGPT (`conversations.json`) or Open WebUI: one conversation, or a list of them.",
        "content": {
            "application/json": {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}},
        },
    }
}


@router.get("/sessions/export", response_class=StreamingResponse, responses=_FILE)
async def export_sessions(caller: ChatReadDep, exports: FromDishka[SessionExports]) -> Response:
    """All of one's sessions as a list of what the export of one gives in JSON. It can be imported again."""
    return _download(exports.all_as_json(caller.account_id))


@router.get("/sessions/{session_id}/export", response_class=StreamingResponse, responses=_FILE | documents(NoSuchSession, NoSuchMessage))
async def export_session(
    session_id: UUID,
    caller: ChatReadDep,
    exports: FromDishka[SessionExports],
    format: Annotated[Literal["json", "markdown"], Query(description="json has the whole tree and can be imported again; markdown is to be read.")] = "json",
    branch: Annotated[UUID | None, Query(description="The last message of the one branch to export. Without it Markdown has the newest.")] = None,
) -> Response:
    """A conversation as a file."""
    export = exports.as_markdown if format == "markdown" else exports.as_json
    return _download(await export(session_id, caller.account_id, branch))


@router.post(
    "/sessions/import",
    status_code=201,
    response_model=ImportRead,
    openapi_extra=_BODY,
    responses=documents(
        UnreadableImport, UnsupportedMediaType, UnknownExport, ImportTooLarge, ImportInProgress, KeyInProgress, IdempotencyMismatch
    ),
)  # fmt: skip
async def import_sessions(
    request: Request,
    caller: ChatDep,
    imports: FromDishka[SessionImports],
    keyed: FromDishka[KeyedImports],
    settings: FromDishka[ChatSettings],
    idempotency_key: Annotated[str | None, Header(description="The same key and file again make no second copy.")] = None,
) -> Response:
    """Makes a session of every conversation in a file. The same file again makes them again, unless it comes with the same `Idempotency-Key`."""
    async with imports.place(caller.account_id):
        content = await content_of(request, settings.imports.file_most_bytes)
        key = None if idempotency_key is None else check_key(idempotency_key)
        reply, is_replay = await keyed.run(caller.account_id, key, content, ModelAccess.of(caller))
        return JSONResponse(reply, 201, {"idempotency-replayed": "true"} if is_replay else None)


def _download(file: ExportFile) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return StreamingResponse(file.chunks, media_type=file.media_type, headers=headers)
