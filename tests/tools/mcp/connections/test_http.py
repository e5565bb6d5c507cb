"""Servers over HTTP: through the one door out, with sign-in, and whatever they answer (SEC-14, SEC-25, bad input 74)."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psutil
import pytest

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, ToolCaller
from tests.support.mcp.raw_http import Exchange, run_raw_http, text
from tests.support.mcp.servers import http

NAME = {"type": "object", "properties": {"name": {"type": "string"}}}


def context(**rest: Any) -> ExecutionContext:
    return ExecutionContext(ToolCaller(uuid4()), "c1", **rest)


async def result(pool: McpConnections, spec: ServerSpec, tool: str, user: ExecutionContext | None = None, /, **arguments: Any) -> Any:
    return (await pool.call(spec, tool, arguments, user or context())).result


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/mcp", "http://localhost:{port}/mcp", "http://[::ffff:127.0.0.1]:{port}/mcp"])
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_an_address_of_a_users_choice_passes_the_gate_or_is_not_called(url: str, transport: Any, pool: McpConnections) -> None:
    """SEC-25."""
    async with run_raw_http() as raw:
        spec = ServerSpec("theirs", "theirs", transport, "api", url=url.format(port=raw.url.split(":")[2][:-4]))
        with pytest.raises(ToolError, match="cannot be called"):
            await result(pool, spec, "echo", text="x")
        assert not raw.requests


async def test_an_address_that_the_operator_allows_is_called(open_pool: Callable[..., McpConnections]) -> None:
    door = Outbound(OutboundSettings(allow=("127.0.0.1",)))
    pool = open_pool(door=door)
    async with run_raw_http() as raw:
        assert await result(pool, http(raw.url, is_trusted=False, headers={"X-Key": "k"}), "echo", text="x") == "x"
        assert {each.headers.get("x-key") for each in raw.requests} == {"k"}
        await pool.close()
    await door.close()


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_redirect_is_followed_within_its_origin_only(is_trusted: bool, open_pool: Callable[..., McpConnections]) -> None:
    door = Outbound(OutboundSettings(allow=("127.0.0.1",)))
    pool = open_pool(door=door)
    where = {"to": "/other"}

    async def before(exchange: Exchange) -> bool:
        if exchange.path == "/mcp":
            await exchange.reply(307, location=where["to"])
        return exchange.path == "/mcp"

    async with run_raw_http(before=before) as raw, run_raw_http() as elsewhere:
        spec = http(raw.url, is_trusted=is_trusted, headers={"Authorization": "Bearer secret"})
        assert await result(pool, spec, "echo", text="x") == "x"
        await pool.retire(spec.key)
        where["to"] = elsewhere.url
        with pytest.raises(ToolError, match="not followed"):
            await result(pool, spec, "echo", text="x")
        assert not elsewhere.requests
        where["to"] = "/mcp"
        raw.requests.clear()
        with pytest.raises(ToolError):
            await result(pool, spec, "echo", text="x")
        assert len(raw.requests) <= 8  # two requests of four hops each
        await pool.close()
    await door.close()


async def test_a_server_that_refuses_the_operators_key_says_so(pool: McpConnections) -> None:
    async def before(exchange: Exchange) -> bool:
        await exchange.reply(401)
        return True

    async with run_raw_http(before=before) as raw:
        with pytest.raises(ToolError, match="HTTP status 401"):
            await result(pool, http(raw.url), "echo", text="x")


async def never(exchange: Exchange) -> None:
    await exchange.gone.wait()


async def endless_events(exchange: Exchange) -> None:
    await exchange.stream()
    while not exchange.gone.is_set():
        await exchange.send(b": still there\n\n")
        await asyncio.sleep(0.01)


async def endless_event(exchange: Exchange) -> None:
    await exchange.stream()
    await exchange.send(b"data: ")
    while not exchange.gone.is_set():
        await exchange.send(b"x" * 65536)


async def endless_body(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n[")
    while not exchange.gone.is_set():
        await exchange.send(b"1," * 32768)


async def cut_short(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{")
    exchange.writer.close()


async def no_answer(exchange: Exchange) -> None:
    exchange.writer.close()


async def no_http(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH\r\n\r\n")
    exchange.writer.close()


async def not_json(exchange: Exchange) -> None:
    await exchange.reply(200, b"\xff\xfe<html>")


async def html(exchange: Exchange) -> None:
    await exchange.reply(200, b"<html>", content_type="text/html")


async def compressed(exchange: Exchange) -> None:
    await exchange.reply(200, gzip.compress(b"[" + b" " * 10**7 + b"]"), content_encoding="gzip")


async def compressed_events(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n")
    await exchange.send(gzip.compress(b"data: " + b" " * 10**7 + b"\n\n"))
    await exchange.gone.wait()


async def error_500(exchange: Exchange) -> None:
    await exchange.reply(500, b"no")


async def accepted(exchange: Exchange) -> None:
    await exchange.reply(202)


async def stream_without_end(exchange: Exchange) -> None:
    await exchange.stream()
    await exchange.send(b"data: {}\n\n\xff\xff\n\n")
    exchange.writer.close()


HOSTILE = {
    tool.__name__: tool
    for tool in (
        never, endless_events, endless_event, endless_body, cut_short, no_answer, no_http, not_json, html, compressed, compressed_events,
        error_500, accepted, stream_without_end,
    )
}  # fmt: skip


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_whatever_a_server_answers_only_that_call_fails(era: str, open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool(message_most_bytes=200_000, failures_to_open_circuit=100)
    left = list[Exchange]()
    is_over = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await is_over.wait()
        await exchange.answer(text("all the same"))

    async with run_raw_http({**HOSTILE, "slow": slow}, era=era) as raw:
        spec = http(raw.url)
        assert await result(pool, spec, "echo", text="x") == "x"
        before = psutil.Process().memory_info().rss
        beside = asyncio.create_task(result(pool, spec, "slow"))

        async def fails(tool: str) -> str:
            is_silent = tool in ("never", "endless_events")
            with pytest.raises(ToolError) as failed:
                await pool.call(http(raw.url, timeout_seconds=1 if is_silent else 30), tool, {}, context())
            return str(failed.value)

        said = dict(zip(HOSTILE, await asyncio.gather(*map(fails, HOSTILE)), strict=True))
        is_over.set()
        assert await beside == "all the same"
        assert await result(pool, spec, "echo", text="still there") == "still there"
        assert pool.status(spec).connections == 1
        assert psutil.Process().memory_info().rss - before < 30_000_000
        assert "in time" in said["never"]
        assert "in time" in said["endless_events"]
        assert [tool for tool, sentence in said.items() if "in time" in sentence] == ["never", "endless_events"]
        assert "HTTP status 500" in said["error_500"]
        assert "is compressed" in said["compressed"]
        assert "is compressed" in said["compressed_events"]
        assert all("/mcp" not in sentence for sentence in said.values())
        left += [each for each in raw.requests if each.message.get("params", {}).get("name") in ("never", "endless_events", "endless_event", "endless_body")]
        await asyncio.wait_for(asyncio.gather(*(each.gone.wait() for each in left)), 10)  # nobody goes on listening


async def test_a_stream_that_is_to_be_taken_up_again_for_ever_is_not(open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool()

    async def again(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.send(b"id: 1\nretry: 0\ndata:\n\n")
        exchange.writer.close()

    async def before(exchange: Exchange) -> bool:
        if exchange.method == "GET":
            await again(exchange)
        return exchange.method == "GET"

    async with run_raw_http({"again": again}, era="legacy", before=before) as raw:
        with pytest.raises(ToolError):
            await result(pool, http(raw.url, timeout_seconds=5), "again")
        assert len([each for each in raw.requests if each.method == "GET"]) < 80


async def test_a_session_that_the_server_has_forgotten_is_begun_anew(pool: McpConnections) -> None:
    async with run_raw_http(era="legacy") as raw:
        spec = http(raw.url)
        assert await result(pool, spec, "echo", text="x") == "x"
        raw.sessions.clear()
        assert await asyncio.gather(*(result(pool, spec, "echo", text=str(number)) for number in range(5))) == ["0", "1", "2", "3", "4"]


async def test_questions_within_a_stream_belong_to_its_call(pool: McpConnections) -> None:
    """Over HTTP several calls may ask at once: each question comes within the answer to its own request."""
    told = dict[str, asyncio.Future[Any]]()

    async def ask(exchange: Exchange) -> None:
        who = exchange.message["params"]["arguments"]["who"]
        key = f"q-{who}-{exchange.message['id']}"
        told[key] = asyncio.get_running_loop().create_future()
        await exchange.stream()
        await exchange.event({"id": key, "method": "elicitation/create", "params": {"message": f"{who}?", "requestedSchema": NAME, "mode": "form"}})
        said = await told[key]
        await exchange.event({"id": exchange.message["id"], "result": text(json.dumps(said))})

    async def before(exchange: Exchange) -> bool:
        if exchange.message.get("id") in told:
            told[exchange.message["id"]].set_result(exchange.message["result"])
        return False

    async with run_raw_http({"ask": ask}, era="legacy", before=before) as raw:
        spec, users = http(raw.url), [context() for _ in range(10)]

        async def question(user: ExecutionContext) -> Asked:
            with pytest.raises(InputRequired) as required:
                await result(pool, spec, "ask", user, who=str(user.account_id))
            return required.value.asked

        asked = await asyncio.gather(*map(question, users))
        assert [each.text for each in asked] == [f"{user.account_id}?" for user in users]
        answered = [
            ExecutionContext(user.caller, "c1", answers={each.key: Answered(True, {"name": str(user.account_id)})})
            for user, each in zip(users, asked, strict=True)
        ]
        said = await asyncio.gather(*(result(pool, spec, "ask", user, who=str(user.account_id)) for user in answered))
        assert [json.loads(each)["content"]["name"] for each in said] == [str(user.account_id) for user in users]


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_that_is_not_there(transport: Any, pool: McpConnections) -> None:
    spec = ServerSpec("gone", "gone", transport, "config", url="http://127.0.0.1:9/secret-path?key=secret", is_trusted=True)
    with pytest.raises(ToolError, match="cannot be reached"):
        await result(pool, spec, "echo", text="x")
    assert "secret" not in str(pool.status(spec).last_error)


async def test_a_question_that_comes_when_its_call_is_over_is_nobodys(pool: McpConnections) -> None:
    """Not that of whoever happens to be the only one with a call under way."""
    told = asyncio.get_running_loop().create_future()
    has_both = asyncio.Event()

    async def asks_late(exchange: Exchange) -> None:
        await exchange.stream()
        await has_both.wait()
        await exchange.event({"id": "late", "method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": NAME, "mode": "form"}})
        await exchange.gone.wait()

    async def other(exchange: Exchange) -> None:
        ann.cancel()
        has_both.set()
        await told
        await exchange.answer(text("undisturbed"))

    async def before(exchange: Exchange) -> bool:
        if exchange.message.get("id") == "late":
            told.set_result(exchange.message["result"])
        return False

    async with run_raw_http({"asks_late": asks_late, "other": other}, era="legacy", before=before) as raw:
        spec = http(raw.url)
        await pool.definitions(spec, context().caller)
        ann = asyncio.create_task(result(pool, spec, "asks_late"))
        async with asyncio.timeout(5):
            while "asks_late" not in str(raw.requests[-1].message):  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.01)
        assert await result(pool, spec, "other") == "undisturbed"
        assert await told == {"action": "cancel"}
        await asyncio.gather(ann, return_exceptions=True)


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_cancelling_a_caller_closes_its_request(era: str, pool: McpConnections) -> None:
    async with run_raw_http(HOSTILE, era=era) as raw:
        spec = http(raw.url)
        assert await result(pool, spec, "echo", text="x") == "x"
        waiting = asyncio.create_task(result(pool, spec, "endless_events"))
        async with asyncio.timeout(5):
            while "endless_events" not in str(raw.requests[-1].message):  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        (request,) = [each for each in raw.requests if "endless_events" in str(each.message)]
        await asyncio.wait_for(request.gone.wait(), 5)
        assert await result(pool, spec, "echo", text="x") == "x"
