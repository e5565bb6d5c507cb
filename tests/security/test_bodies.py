"""SEC-31, SEC-33, BAD-01..16: every operation x every body that is none. Never 5xx, always a problem, nothing changes, the same process answers."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from tests.security.operations import Operation, operations, root_of
from tests.security.site import JSON, PROBLEM, Scene, Site, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

MALFORMED, INVALID, MEDIA = (400, "request.malformed_json"), (422, "request.invalid"), (415, "request.unsupported_media_type")

Bad = tuple[bytes, Mapping[str, str], tuple[int, str]]

BODIES: Mapping[str, Bad] = {
    "BAD-01 no body": (b"", {}, INVALID),
    "BAD-01 an empty body that is called JSON": (b"", JSON, INVALID),
    "BAD-02 null": (b"null", JSON, INVALID),
    "BAD-03 a list": (b"[]", JSON, INVALID),
    "BAD-03 a list with an object": (b'[{"role": "admin"}]', JSON, INVALID),
    "BAD-03 a text": (b'""', JSON, INVALID),
    "BAD-03 a number": (b"0", JSON, INVALID),
    "BAD-03 true": (b"true", JSON, INVALID),
    "BAD-04 only spaces": (b"   ", JSON, MALFORMED),
    "BAD-04 cut off": (b'{"a": "b', JSON, MALFORMED),
    "BAD-04 two values": (b"{} {}", JSON, MALFORMED),
    "BAD-04 a comment": (b"{} // none", JSON, MALFORMED),
    "BAD-04 single quotes": (b"{'a': 1}", JSON, MALFORMED),
    "BAD-05 a name twice": (b'{"role": "user", "role": "admin"}', JSON, MALFORMED),
    "BAD-05 a name twice, once escaped": (rb'{"role": 1, "r\u006fle": 2}', JSON, MALFORMED),
    "BAD-05 a name twice, deep inside": (b'{"a": [{"b": 1, "b": 2}]}', JSON, MALFORMED),
    "BAD-06 NaN": (b'{"a": NaN}', JSON, MALFORMED),
    "BAD-06 Infinity": (b'{"a": -Infinity}', JSON, MALFORMED),
    "BAD-07 a number too large": (b'{"a": 1e400}', JSON, MALFORMED),
    "BAD-07 an integer of 4000 digits": (b'{"a": ' + b"9" * 4000 + b"}", JSON, INVALID),
    "BAD-07 an integer of 65 bits": (b'{"a": 18446744073709551616}', JSON, INVALID),
    "BAD-08 100 000 lists": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, MALFORMED),
    "BAD-08 100 000 lists that never end": (b"[" * 100_000, JSON, MALFORMED),
    "BAD-08 65 objects": (b'{"a":' * 65 + b"1" + b"}" * 65, JSON, MALFORMED),
    "BAD-09 half a surrogate pair": (rb'{"a": "\ud800"}', JSON, MALFORMED),
    "BAD-09 half a surrogate pair in a name": (rb'{"\udfff": 1}', JSON, MALFORMED),
    "BAD-10 no UTF-8": (b'{"a": "\xff\xfe"}', JSON, MALFORMED),
    "BAD-10 an overlong NUL": (b'{"a": "\xc0\x80"}', JSON, MALFORMED),
    "BAD-10 a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', JSON, MALFORMED),
    "BAD-11 UTF-16": (json.dumps({"a": 1}).encode("utf-16"), JSON, MALFORMED),
    "BAD-11 UTF-16 that says so": (json.dumps({"a": 1}).encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, MALFORMED),
    "BAD-11 a byte order mark": (b'\xef\xbb\xbf{"a": 1}', JSON, MALFORMED),
    "BAD-12 NUL": (rb'{"a": "\u0000"}', JSON, INVALID),
    "BAD-12 NUL in a name": (rb'{"\u0000": 1}', JSON, INVALID),
    "BAD-12 NUL as it is": (b'{"a": "\x00"}', JSON, MALFORMED),
    "BAD-13 no type": (b"{}", {}, MEDIA),
    "BAD-13 a form": (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, MEDIA),
    "BAD-13 an upload": (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, MEDIA),
    "BAD-13 text": (b"{}", {"Content-Type": "text/plain"}, MEDIA),
    "BAD-13 a list of types": (b"{}", {"Content-Type": "text/plain, application/json"}, MEDIA),
    "BAD-14 packed": (gzip.compress(b'{"a": 1}'), {**JSON, "Content-Encoding": "gzip"}, MEDIA),
    "BAD-14 packed without saying so": (gzip.compress(b'{"a": 1}'), JSON, MALFORMED),
    "BAD-15 two mebibytes": (b'{"a": "' + b"x" * 2**21 + b'"}', JSON, (413, "request.too_large")),
    "BAD-20 an unknown field": (b'{"no_such_field": 1}', JSON, INVALID),
    "BAD-40 ten thousand unknown fields": (json.dumps({f"field_{at}": at for at in range(10_000)}).encode(), JSON, INVALID),
}

NOTHING = {"BAD-01 no body", "BAD-01 an empty body that is called JSON", "BAD-02 null"}
"""Which an operation may take that needs no body."""

OFF_HERE = frozenset(
    {"auth.google_off", "composio.not_configured", "mcp.no_such_server", "mcp.sign_in_refused", "mcp.no_client_document", "chat.no_such_share"}
)
"""Of routes that take no body: what they stand for is switched off here, or was never begun."""

REFUSED_BY_THE_GATE = {"BAD-15 two mebibytes", "BAD-14 packed"}
"""What is refused before anybody knows which route it is for."""


async def send(operation: Operation, scene: Scene, admin: Any, bad: Bad) -> Any:
    client = admin if operation.is_for_administrators else scene.owner.client
    return await client.request(operation.method, root_of(client) + operation.url(scene), content=bad[0], headers=bad[1])


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_none_is_refused_by_every_write(site: Site, name: str) -> None:
    bad = BODIES[name]
    scene = await site.scene()
    before = await scene.seen()
    for operation in operations(await site.openapi()):
        if operation.schema is not None and not operation.takes_files and (operation.needs_body or name not in NOTHING):
            answer = await send(operation, scene, site.admin.client, bad)
            assert (answer.status_code, problem_of(answer)["code"]) == bad[2], f"{operation.name}: {answer.text}"
            assert len(answer.content) < 20_000
    assert await scene.seen() == before
    await site.still_there()


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_none_does_no_harm_where_none_is_taken(site: Site, name: str) -> None:
    bad = BODIES[name]
    scene = await site.scene()
    before = await scene.seen()
    for operation in operations(await site.openapi()):
        if operation.schema is None and operation.method != "DELETE":
            try:
                answer = await send(operation, scene, site.admin.client, bad)
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
                assert name in REFUSED_BY_THE_GATE, operation.name  # it answered, and did not wait for the rest
                continue
            if answer.status_code in (400, 404) and problem_of(answer)["code"] in OFF_HERE:
                continue
            expected = (200, 201, 202, bad[2][0]) if name in REFUSED_BY_THE_GATE else (200, 201, 202)
            assert answer.status_code in expected, f"{operation.name}: {answer.text}"
    assert await scene.seen() == before


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer a.b.c"}])
async def test_strangers_learn_nothing_from_a_bad_body(site: Site, headers: dict[str, str]) -> None:
    """What is wrong with the fields is said to whoever may send them."""
    scene = await site.scene()
    for operation in operations(await site.openapi()):
        if operation.schema is not None and not operation.is_public:
            answer = await site.admin_or_nobody.request(operation.method, site.url + operation.url(scene), json={"no_such_field": 1}, headers=headers)
            problem_of(answer, 401)


NASTY: tuple[Any, ...] = (
    None, True, -1, 2**63 - 1, -(2**63), 1e308, "", " ", "x" * 100_000, "a\r\nSet-Cookie: b=1", "\u202eabc\u202d", "\u200b", "e" + "\u0301" * 5000,
    "' OR '1'='1' --", "$(id)", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "../../etc/passwd", "<script>alert(1)</script>", "😀" * 1000, "\uffff",
    [], {}, [None], {"$ne": None}, {"__proto__": {"a": 1}}, [[[[[]]]]], "\x7f\x1b[31m",
)  # fmt: skip


async def test_no_value_of_any_field_is_too_much(site: Site) -> None:
    """Every field of every body x values that broke somebody once: taken or refused, never 5xx."""
    scene = await site.scene()
    with site.analysing():
        for operation in operations(await site.openapi()):
            client = site.admin.client if operation.is_for_administrators else scene.owner.client
            if "password" in operation.path:
                client = (await site.sign_up()).client
            for field in operation.fields():
                if operation.is_for_administrators and operation.method == "PATCH" and field in ("role", "status"):
                    continue  # the owner would lose the sign-in
                for value in NASTY:
                    answer = await operation.call(client, scene, json={**(operation.body(scene) or {}), field: value})
                    assert answer.status_code < 500, f"{operation.name} {field}={value!r:.50}: {answer.text}"
                    if answer.status_code >= 400:
                        assert answer.headers["content-type"] == PROBLEM
    await site.still_there()
    assert (await site.server.run("wallet", "verify"))[0] == 0
