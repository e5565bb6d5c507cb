import asyncio

from tests.core.web.conftest import Log, Site, head


async def last_line(log: Log, event: str = "request") -> dict[str, object]:
    """The line is written after the answer, so the client may be earlier."""
    await asyncio.wait_for(log.has(event), 10)
    return log.lines(event)[-1]


async def test_a_request_is_one_line(site: Site, log: Log) -> None:
    answer = await site.get("/api/v1/things/7?token=hunter2&q=private", "X-Request-ID: trace-0123")
    line = await last_line(log)
    assert answer.status == 200
    assert {name: line[name] for name in ("level", "logger", "method", "path", "status", "client", "request_id")} == {
        "level": "info", "logger": "access", "method": "GET", "path": "/api/v1/things/7", "status": 200, "client": "127.0.0.1", "request_id": "trace-0123",
    }  # fmt: skip
    assert isinstance(line["took_ms"], float)
    assert "hunter2" not in log.text
    assert "private" not in log.text


async def test_a_secret_in_the_path_is_not_logged(site: Site, log: Log) -> None:
    assert (await site.get("/api/v1/shared/hunter2hunter2")).status == 200
    assert (await last_line(log))["path"] == "/api/v1/shared/{token}"
    assert "hunter2" not in log.text


async def test_a_path_cannot_forge_a_line(site: Site, log: Log) -> None:
    """BAD-39"""
    await site.get("/api/v1/things/7%0A%7B%22event%22:%22forged%22%7D")
    assert (await last_line(log))["path"] == "/api/v1/things/7%0A%7B%22event%22:%22forged%22%7D"
    assert not log.lines("forged")


async def test_a_stream_is_a_line_when_it_is_over(site: Site, log: Log) -> None:
    reader, writer = await site.connect()
    writer.write(head("GET", "/api/v1/stream"))
    await reader.readuntil(b"\r\n\r\n")
    assert not log.lines("request")
    site.stage.frames.put_nowait(None)
    assert (await last_line(log))["path"] == "/api/v1/stream"
    writer.close()


async def test_a_refused_request_is_a_line_too(site: Site, log: Log) -> None:
    await site.ask(head("GET", "/x", host="evil.example"))
    assert (await last_line(log))["status"] == 400


async def test_an_unforeseen_error_is_logged_with_its_traceback_and_without_local_variables(site: Site, log: Log) -> None:
    answer = await site.get("/api/v1/broken")
    line = await last_line(log, "request failed")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "RuntimeError: no place for 18 letters" in str(line["exception"])
    assert "read_broken" in str(line["exception"])
    assert log.text.count("RuntimeError: no place") == 1
