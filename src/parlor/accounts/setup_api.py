"""The page behind the set-up link: three small files that need nothing else of the house."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from parlor.core.errors import NotFound
from parlor.core.web.routing import PUBLIC, Router

_FOLDER = Path(__file__).parent / "setup_page"
_TYPES = {"setup.js": "text/javascript; charset=utf-8", "setup.css": "text/css; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def setup_router() -> APIRouter:
    router = Router(prefix="//setup", include_in_schema=False)

    @router.get("", openapi_extra=PUBLIC)
    async def read_setup_page() -> Response:
        return FileResponse(_FOLDER / "setup.html", media_type="text/html; charset=utf-8", headers=_HEADERS)

    @router.get("/{name}", openapi_extra=PUBLIC)
    async def read_setup_file(name: str) -> Response:
        if name not in _TYPES:
            raise NotFound
        return FileResponse(_FOLDER / name, media_type=_TYPES[name], headers=_HEADERS)

    return router
