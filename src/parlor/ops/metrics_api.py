"""Metrics for Prometheus, to whoever sits at this machine or has the token."""

import hmac
from ipaddress import ip_address

from dishka.integrations.fastapi import FromDishka
from fastapi import Request, Response

from parlor.accounts import bearer_of
from parlor.core.errors import Forbidden, Unauthenticated
from parlor.core.metrics import Metrics
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router
from parlor.ops.settings import OpsSettings

router = Router(tags=["operations"])

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class MetricsRefused(Forbidden):
    code = "metrics.refused"
    detail = "Metrics are for this machine, and for whoever has PARLOR_OPS__METRICS_TOKEN."


def _check(request: Request, settings: OpsSettings) -> None:
    """A proxy on this machine that nobody has told us of makes every client look local: what it forwards is not."""
    client = request.client.host if request.client else ""
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    if not (_is_loopback(client) and not is_forwarded) and not _has_token(request, settings):
        raise MetricsRefused


def _has_token(request: Request, settings: OpsSettings) -> bool:
    try:
        given = bearer_of(request)
    except Unauthenticated:
        return False
    token = settings.metrics_token
    return given is not None and token is not None and hmac.compare_digest(given.encode(errors="replace"), token.get_secret_value().encode())


def _is_loopback(client: str) -> bool:
    try:
        return ip_address(client).is_loopback
    except ValueError:
        return False


@router.get("//metrics", openapi_extra=PUBLIC, response_class=Response, responses={200: {"content": {"text/plain": {}}}, **documents(MetricsRefused)})
async def read_metrics(request: Request, metrics: FromDishka[Metrics], settings: FromDishka[OpsSettings]) -> Response:
    """In Prometheus's text format, of this process."""
    _check(request, settings)
    body, media_type = metrics.exposition()
    return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})
