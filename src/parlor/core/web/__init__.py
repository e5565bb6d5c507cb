"""HTTP, inbound: the gate that every request passes, problems, pages, event streams and the router that rooms use.

Loaded piece by piece, because settings must be readable without FastAPI.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.core.web.envelopes import Envelope, Refused
    from parlor.core.web.leaving import unless_left
    from parlor.core.web.pages import Page, PageDep, PageQuery, cut_page, decode_cursor, encode_cursor
    from parlor.core.web.problems import Problem, documents
    from parlor.core.web.routing import PUBLIC, HouseRouter, ParlorRoute, Router
    from parlor.core.web.settings import ServerSettings
    from parlor.core.web.sse import EventStream, refuse_unless_accepted

__all__ = [
    "PUBLIC", "Envelope", "EventStream", "HouseRouter", "Page", "PageDep", "PageQuery", "ParlorRoute", "Problem", "Refused", "Router", "ServerSettings",
    "cut_page", "decode_cursor", "documents", "encode_cursor", "refuse_unless_accepted", "unless_left",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "envelopes": "Envelope Refused",
        "routing": "PUBLIC HouseRouter ParlorRoute Router",
        "leaving": "unless_left",
        "pages": "Page PageDep PageQuery cut_page decode_cursor encode_cursor",
        "problems": "Problem documents",
        "settings": "ServerSettings",
        "sse": "EventStream refuse_unless_accepted",
    },
)
