"""Servers where each user signs in: whose grant a call is made with, and what becomes of a refusal."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import Challenge, ServerSpec
from parlor.tools.ports import Asked, ExecutionContext, InputRequired, ToolCaller
from tests.support.mcp.raw_http import Exchange, run_raw_http, text
from tests.support.mcp.servers import http


def context(**rest: Any) -> ExecutionContext:
    return ExecutionContext(ToolCaller(uuid4()), "c1", **rest)


async def result(pool: McpConnections, spec: ServerSpec, tool: str, user: ExecutionContext | None = None, /, **arguments: Any) -> Any:
    return (await pool.call(spec, tool, arguments, user or context())).result


class Grants:
    """Who has signed in, with which token; `valid` are the tokens that the server still takes."""

    def __init__(self) -> None:
        self.tokens = dict[Any, str]()
        self.renewed = dict[str, str]()
        self.challenges = list[Challenge]()

    async def authorization(self, spec: ServerSpec, caller: ToolCaller) -> str | None:
        return f"Bearer {self.tokens[caller.account_id]}" if caller.account_id in self.tokens else None

    async def challenged(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge) -> bool:
        self.challenges.append(challenge)
        token = self.tokens.get(caller.account_id)
        if token in self.renewed:
            self.tokens[caller.account_id] = self.renewed[token]
            return True
        return False

    async def sign_in(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge | None) -> Asked:
        assert challenge is not None
        return Asked("signin", challenge.www_authenticate, "k", url=f"https://example.com/{caller.account_id}")


async def test_each_user_signs_in_and_is_called_for_with_their_own_grant(open_pool: Callable[..., McpConnections]) -> None:
    grants, valid, ann, bob = Grants(), {"a1", "b1"}, context(), context()
    pool = open_pool(authorizer=grants)

    async def before(exchange: Exchange) -> bool:
        if exchange.headers.get("authorization", "").removeprefix("Bearer ") in valid:
            return False
        await exchange.reply(401, www_authenticate='Bearer resource_metadata="https://example.com/meta"')
        return True

    async def whoami(exchange: Exchange) -> None:
        await exchange.answer(text(exchange.headers["authorization"]))

    async with run_raw_http({"whoami": whoami}, before=before) as raw:
        spec = http(raw.url, uses_sign_in=True)
        with pytest.raises(InputRequired) as required:
            await result(pool, spec, "whoami", ann)
        assert required.value.asked.url == f"https://example.com/{ann.account_id}"
        assert required.value.asked.text == 'Bearer resource_metadata="https://example.com/meta"'
        assert len(raw.requests) == 1  # nothing that follows could end otherwise

        grants.tokens |= {ann.account_id: "a1", bob.account_id: "b1"}
        assert await asyncio.gather(*(result(pool, spec, "whoami", each) for each in (ann, bob) * 5)) == ["Bearer a1", "Bearer b1"] * 5
        assert pool.status(spec).connections == 2

        valid.remove("a1")  # it has run out, and can be renewed
        valid.add("a2")
        grants.renewed["a1"] = "a2"
        grants.challenges.clear()
        assert await result(pool, spec, "whoami", ann) == "Bearer a2"
        assert len(grants.challenges) == 1

        valid.clear()  # it was taken back; one repetition and no more
        grants.renewed = {"a2": "a3", "a3": "a2"}
        raw.requests.clear()
        with pytest.raises(InputRequired):
            await result(pool, spec, "whoami", ann)
        assert len(raw.requests) == 2
        assert pool.status(spec).state == "ready"
