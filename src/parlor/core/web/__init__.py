"""HTTP, inbound: the gate that every request passes, problems, pages, event streams and the router that rooms use.

Loaded piece by piece, because settings must be readable without FastAPI.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parlor.core.web.pages import Page, PageDep, PageQuery, cut_page, decode_cursor, encode_cursor
    from parlor.core.web.problems import Problem, documents
    from parlor.core.web.routing import PUBLIC, HouseRouter, ParlorRoute, Router
    from parlor.core.web.settings import ServerSettings
    from parlor.core.web.sse import EventStream

_HOMES = {
    "PUBLIC": "routing", "HouseRouter": "routing", "ParlorRoute": "routing", "Router": "routing",
    "Page": "pages", "PageDep": "pages", "PageQuery": "pages", "cut_page": "pages", "decode_cursor": "pages", "encode_cursor": "pages",
    "Problem": "problems", "documents": "problems",
    "ServerSettings": "settings",
    "EventStream": "sse",
}  # fmt: skip

__all__ = [
    "PUBLIC", "EventStream", "HouseRouter", "Page", "PageDep", "PageQuery", "ParlorRoute", "Problem", "Router", "ServerSettings", "cut_page", "decode_cursor",
    "documents", "encode_cursor",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
