"""`/openapi.json`, and `/docs`: Swagger UI from files of our own, so that reading the documentation calls nobody."""

import asyncio
from pathlib import Path
from threading import Lock

import msgspec
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, Response

from parlor.core.errors import NotFound
from parlor.core.web.openapi import openapi
from parlor.core.web.routing import PUBLIC, Router

STATIC = Path(__file__).parent / "static"
_FILES = {
    "swagger-ui.css": (STATIC / "swagger" / "swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": (STATIC / "swagger" / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "start.js": (STATIC / "docs.js", "text/javascript; charset=utf-8"),
}
# Swagger UI sets style attributes and draws its icons from data: URLs; scripts stay ours alone.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CACHED = {"Cache-Control": "public, max-age=3600"}


def docs_router(description: str) -> APIRouter:
    router = Router()

    @router.get("//docs", include_in_schema=False, openapi_extra=PUBLIC)
    async def read_docs() -> Response:
        headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"}
        return FileResponse(STATIC / "docs.html", media_type="text/html; charset=utf-8", headers=headers)

    @router.get("//docs/{name}", include_in_schema=False, openapi_extra=PUBLIC)
    async def read_docs_file(name: str) -> Response:
        if name not in _FILES:
            raise NotFound
        path, media_type = _FILES[name]
        return FileResponse(path, media_type=media_type, headers=_CACHED)

    # Built at the first request, beside the loop: it describes every route and every model of the house, which takes a second or two.
    document = _Document(description)

    @router.get("//openapi.json", include_in_schema=False, openapi_extra=PUBLIC)
    async def read_openapi(request: Request) -> Response:
        return Response(await asyncio.to_thread(document.read, request.app), media_type="application/json", headers={"Cache-Control": "no-cache"})

    return router


class _Document:
    def __init__(self, description: str) -> None:
        self._description = description
        self._encoded: bytes | None = None
        self._building = Lock()

    def read(self, app: FastAPI) -> bytes:
        with self._building:  # the first readers come at once, each in a thread
            if self._encoded is None:
                self._encoded = msgspec.json.encode(openapi(app, self._description))
        return self._encoded
