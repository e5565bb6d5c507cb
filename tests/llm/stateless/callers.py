"""Somebody who asks without a session."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.support.chat import STREAM, Frame, Person, Reader, frames_of

HELLO = {"message": "Hello?"}


async def ask(person: Person, path: str = "message", *, key: str | None = None, **body: Any) -> httpx2.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await person.client.post(f"/chat/{path}", json=body or HELLO, headers=headers)


async def answer(person: Person, path: str = "message", **more: Any) -> dict[str, Any]:
    response = await ask(person, path, **more)
    assert response.status_code == 200, response.text
    return response.json()


@asynccontextmanager
async def opened(person: Person, path: str = "message", *, key: str | None = None, **body: Any) -> AsyncGenerator[Reader]:
    headers = STREAM if key is None else {**STREAM, "Idempotency-Key": key}
    async with person.client.stream("POST", f"/chat/{path}", json=body or HELLO, headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
        yield Reader(response)


async def streamed(person: Person, path: str = "message", **more: Any) -> list[Frame]:
    async with opened(person, path, **more) as reader:
        raw = await reader.response.aread()
    assert reader.status == 200, raw
    frames = frames_of(raw)
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    return frames


async def spent(person: Person) -> int:
    """With nothing held any more."""
    wallet = await person.wallet()
    assert wallet["held_micros"] == 0, json.dumps(wallet)
    return 5_000_000 - wallet["available_micros"]
