"""The pages behind links that carry a token: small files that need nothing else of the house.

They name one another relatively, so that a proxy may put a path before them.
"""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from parlor.core.errors import NotFound
from parlor.core.web.routing import PUBLIC, Router

_FOLDER = Path(__file__).parent / "pages"
_PAGES = ("setup", "verify-email", "reset-password")
_SCRIPT = "text/javascript; charset=utf-8"
_TYPES = {"page.css": "text/css; charset=utf-8", "page.js": _SCRIPT, **{f"{page}.js": _SCRIPT for page in _PAGES}}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def pages_router() -> APIRouter:
    router = Router(include_in_schema=False)

    def serve(page: str) -> None:
        @router.get(f"//{page}", name=f"read_{page}", openapi_extra=PUBLIC)
        async def read_page() -> Response:
            return FileResponse(_FOLDER / f"{page}.html", media_type="text/html; charset=utf-8", headers=_HEADERS)

    for page in _PAGES:
        serve(page)

    @router.get("//pages/{name}", openapi_extra=PUBLIC)
    async def read_page_file(name: str) -> Response:
        if name not in _TYPES:
            raise NotFound
        return FileResponse(_FOLDER / name, media_type=_TYPES[name], headers=_HEADERS)

    return router
