"""The protocols room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.web import Envelope


def _provider() -> "dishka.Provider":
    from parlor.protocols.provider import protocols_provider

    return protocols_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.protocols.openai.api import router

    return (router,)


def _error_envelopes() -> "Sequence[Envelope]":
    from parlor.protocols.openai.errors import ENVELOPE

    return (ENVELOPE,)


module = Module(name="protocols", requires=("agents",), provider=_provider, routes=_routes, error_envelopes=_error_envelopes)
