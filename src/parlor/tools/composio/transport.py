"""Requests to Composio: the key, the bounds, repetitions, the breaker, and what its refusals mean."""

import asyncio
import random
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec

from parlor.core.errors import ParlorError
from parlor.core.outbound import Outbound, OutboundFailed, Oversized, Timeouts, Unreachable
from parlor.core.redaction import HIDDEN, scrub
from parlor.core.resilience import BreakerStatus, CircuitBreaker
from parlor.tools.composio.errors import ComposioBusy, ComposioRefused, ComposioUnavailable, KeyRefused, NotConfigured, UnknownToComposio
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.composio.wire import RefusalEnvelope

T = TypeVar("T")

_PREFIX = "/api/v3.1"
_MAX_BYTES = 16 * 1024 * 1024
"""A page of hundreds of actions with their schemas has a few MiB."""
_MAX_REFUSAL_BYTES = 64 * 1024
_TRIES = 3
_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_MAX_SAID = 500
_WORD = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_RETRIED = (ComposioUnavailable, ComposioBusy)


class Transport:
    """One for the process. `monotonic` and `uniform` are for tests."""

    def __init__(
        self,
        outbound: Outbound,
        settings: ComposioSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._outbound = outbound
        self._settings = settings
        self._uniform = uniform
        self._timeouts = settings.timeouts(settings.answer_seconds)
        self._breaker = CircuitBreaker(
            "Composio", failures=settings.failures, open_seconds=settings.open_seconds, counts=ComposioUnavailable, monotonic=monotonic
        )
        self.is_key_refused = False
        """What the last call that was answered said of our key."""

    @property
    def is_configured(self) -> bool:
        return self._settings.api_key is not None

    @property
    def breaker(self) -> BreakerStatus:
        return self._breaker.status

    def require(self) -> None:
        """Raises NotConfigured."""
        if not self.is_configured:
            raise NotConfigured

    async def get(self, path: str, query: Mapping[str, Any], kind: type[T]) -> T:
        """Tried again, a few times, while Composio is unwell or wants us to wait a moment. Raises whatever errors.py has of Composio, and CircuitOpen."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                return await self._send("GET", path, kind, query=query)
            except _RETRIED as error:
                pause_seconds = self._pause(error, left)
                if pause_seconds is None:
                    raise
            await asyncio.sleep(pause_seconds)
        raise AssertionError("the last try has raised")

    async def post(self, path: str, body: Mapping[str, Any], kind: type[T], timeouts: Timeouts | None = None) -> T:
        """Once: nobody knows what a request without an answer has done."""
        return await self._send("POST", path, kind, body=msgspec.json.encode(body, enc_hook=str), timeouts=timeouts)

    async def delete(self, path: str) -> None:
        await self._send("DELETE", path, msgspec.Raw)

    async def _send(
        self, method: str, path: str, kind: type[T], *, query: Mapping[str, Any] | None = None, body: bytes | None = None, timeouts: Timeouts | None = None
    ) -> T:
        """One request. `path` is below /api/v3.1, its variable parts quoted by `part`."""
        key = self._settings.api_key
        if key is None:
            raise NotConfigured
        secret = key.get_secret_value()
        headers = {"x-api-key": secret, "Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
        url = f"{self._settings.base_url}{_PREFIX}{path}{'?' + urlencode(query, doseq=True) if query else ''}"
        async with self._breaker.attempt():
            try:
                async with self._outbound.trusted(method, url, headers=headers, body=body, timeouts=timeouts or self._timeouts) as reply:
                    is_good = 200 <= reply.status < 300
                    answer = await reply.read_all(_MAX_BYTES if is_good else _MAX_REFUSAL_BYTES)
            except OutboundFailed as error:
                raise _unavailable(error) from error
            # No echo of our key gets any further, wherever in an answer it stands.
            answer = answer.replace(secret.encode(), HIDDEN.encode())
            if is_good:
                self.is_key_refused = False
                return _decoded(answer, kind)
            refusal = _refusal(reply.status, reply.headers, answer)
            self.is_key_refused = isinstance(refusal, KeyRefused)
            raise refusal

    def _pause(self, error: ParlorError, left: int) -> float | None:
        """None: not again."""
        wanted = float(error.facts.get("retry_after_seconds") or 0)
        if left == 0 or wanted > _LONGEST_PAUSE_SECONDS:
            return None
        return max(wanted, self._uniform(0.5, 1) * _PAUSE_SECONDS * 2 ** (_TRIES - 1 - left))


def part(text: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(text, safe="")


def _unavailable(error: OutboundFailed) -> ComposioUnavailable:
    if isinstance(error, Oversized):
        return ComposioUnavailable("Composio's answer is too large.", may_be_done=True)
    return ComposioUnavailable(f"Composio does not answer as it should: {error.detail}", may_be_done=not isinstance(error, Unreachable))


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> ParlorError:
    facts, said = _told(body)
    match status:
        case 401 | 403:
            return KeyRefused(None, **facts)
        case 404:
            return UnknownToComposio(None, **facts)
        case 429:
            return ComposioBusy(None, retry_after_seconds=_seconds(headers.get("Retry-After")), **facts)
        case 400 | 402 | 405 | 409 | 410 | 413 | 415 | 422:
            return ComposioRefused(None, said=said, **facts)
        case _:
            # A gateway may give up on a call that goes on behind it.
            return ComposioUnavailable(f"Composio answers with status {status}.", may_be_done=status >= 500, **facts)


def _told(body: bytes) -> tuple[dict[str, Any], str]:
    """Codes that mean something to Composio's support, and its sentence."""
    try:
        told = msgspec.json.decode(body, type=RefusalEnvelope).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}, ""
    named = {"upstream_code": told.code, "upstream_slug": told.slug, "upstream_request_id": told.request_id}
    facts = {name: str(value) for name, value in named.items() if isinstance(value, str | int) and _WORD.fullmatch(str(value))}
    return facts, scrub(told.message)[:_MAX_SAID] if isinstance(told.message, str) else ""


def _seconds(text: str | None) -> float:
    """Of Retry-After; its form with a date is not used by Composio."""
    return min(float(text), 3600.0) if text and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text.strip()) else 1.0


def _decoded(body: bytes, kind: type[T]) -> T:
    if kind is msgspec.Raw:
        return cast("T", msgspec.Raw(body))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ComposioUnavailable("Composio does not answer what it should.", may_be_done=True) from error
