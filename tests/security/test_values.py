"""BAD-24..42, 51, 55, 80..87 end to end: values that make no sense get 4xx with a stable code, and change nothing."""

import asyncio
from typing import Any

import pytest

from tests.security.operations import operations
from tests.security.site import JSON, Scene, Site, problem_of
from tests.support.chat import PASSWORD, STREAM, frames_of, text_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

INVALID = (422, "request.invalid")
NO_IDS = ["1", "-1", "0", "9" * 40, "null", "me", "x" * 36, "00000000-0000-0000-0000-00000000000g", "%00", "%F0%9F%98%80", "a%2Fb", "[object Object]", "1' --"]


@pytest.mark.parametrize("text", NO_IDS)
async def test_what_is_no_id_is_422_in_every_path(site: Site, text: str) -> None:
    """BAD-24"""
    scene = await site.scene()
    for operation in operations(await site.openapi()):
        client = site.admin.client if operation.is_for_administrators else scene.owner.client
        for name in ("session_id", "turn_id", "user_id", "voucher_id"):
            if f"{{{name}}}" in operation.path:
                url = site.url + operation.url(scene, **{name: text})
                answer = await client.request(operation.method, url, json=operation.body(scene))
                # An escaped slash is one to the router, too: then there is no such path.
                problem_of(answer, *((404, "not_found") if "%2F" in text and answer.status_code == 404 else INVALID))


async def test_an_id_in_capitals_is_the_same_object(site: Site) -> None:
    """BAD-24"""
    scene = await site.scene()
    for spelling in (scene.session_id.upper(), scene.session_id.replace("-", "")):
        assert (await scene.owner.client.get(f"/sessions/{spelling}")).json()["id"] == scene.session_id


LISTS = ["/sessions", "/wallet/entries", "/search?q=weather", "/users", "/vouchers", "/sessions/{session_id}/messages"]
LIMITS = ["-1", "0", "201", "1000000000", "10abc", "1.5", "", "NaN", "0x10", "9" * 5000]
CURSORS = ["", "x", "AAAA", "=" * 8, "MTIz", "../..", "null", "é", "\u0000", "x" * 1000, "1", "0" * 22]


@pytest.mark.parametrize("path", LISTS)
async def test_a_page_that_makes_no_sense_is_refused_by_every_list(site: Site, path: str) -> None:
    """BAD-25, BAD-26"""
    scene = await site.scene()
    client = site.admin.client if path in ("/users", "/vouchers") else scene.owner.client
    url, _, query = path.format(session_id=scene.session_id).partition("?")
    given = {"q": "weather"} if query else {}
    for limit in LIMITS:
        problem_of(await client.get(url, params={**given, "limit": limit}), *INVALID)
    for cursor in CURSORS:
        problem_of(await client.get(url, params={**given, "cursor": cursor}), 400, "request.bad_cursor")
    problem_of(await client.get(url, params={**given, "cursor": "x" * 1025}), *INVALID)


async def test_a_cursor_whose_middle_was_changed_is_refused(site: Site) -> None:
    """BAD-26"""
    scene = await site.scene()
    await site.scene(scene.owner)
    cursor = (await scene.owner.client.get("/sessions", params={"limit": 1})).json()["next_cursor"]
    for at in range(len(cursor) - 1):
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        problem_of(await scene.owner.client.get("/sessions", params={"cursor": changed}), 400, "request.bad_cursor")
    problem_of(await scene.owner.client.get("/sessions", params={"cursor": cursor, "category": "other"}), 400, "request.bad_cursor")


PARAMS: list[dict[str, Any]] = [
    {"temperature": 1e9}, {"temperature": -1}, {"temperature": "hot"}, {"top_p": 0}, {"top_p": 2}, {"max_tokens": -1}, {"max_tokens": 0}, {"max_tokens": 2**31},
    {"max_tokens": 1.5}, {"stop": ["x"] * 100}, {"stop": [""]}, {"stop": "x" * 300}, {"price": 0}, {"n": 5}, {"temperature": None, "seed": 1},
]  # fmt: skip

EMPTY = (422, "chat.empty_message")
MESSAGES: list[tuple[Any, tuple[int, str]]] = [
    *(({"content": text}, EMPTY) for text in ("", " ", "\n\t \r", "\u200b\u200d\ufeff", "\u00ad\u2060", "\u202e\u202d", "\u3000", "\x07\x1b")),
    *(({"content": "\u200d" * count}, EMPTY) for count in (1000, 100_000)),
    ({"content": [{"type": "text", "text": " "}]}, EMPTY),
    ({"content": []}, INVALID),
    ({"content": [{"type": "image", "url": "http://127.0.0.1/"}]}, INVALID),
    ({"content": [{"type": "text"}]}, INVALID),
    ({"content": None}, INVALID),
    ({"content": 1}, INVALID),
    ({"content": {"text": "Hello?"}}, INVALID),
    ({"content": "x" * 100_001}, (413, "chat.message_too_long")),
    ({"content": "a" * 1_000_000}, (413, "chat.message_too_long")),
    ({"content": "界" * 100_000}, (413, "chat.prompt_too_long")),
    ({"content": [{"type": "text", "text": "x" * 60_000}] * 2}, (413, "chat.message_too_long")),
    *(({"content": "Hello?", "params": params}, INVALID) for params in PARAMS),
    ({"content": "Hello?", "model": "main/no-such-model"}, (404, "llm.unknown_model")),
    ({"content": "Hello?", "model": "no/such"}, (404, "llm.unknown_model")),
    ({"content": "Hello?", "model": "../../etc/passwd"}, (404, "llm.unknown_model")),
    ({"content": "Hello?", "model": ""}, INVALID),
    ({"content": "Hello?", "agent": "no-such-agent"}, (404, "agents.unknown_agent")),
    ({"content": "Hello?", "agent": "__class__"}, (404, "agents.unknown_agent")),
    ({"content": "Hello?", "parent_id": "x"}, INVALID),
]


async def test_a_message_that_makes_no_sense_is_refused_and_costs_nothing(site: Site) -> None:
    """BAD-32..36"""
    scene = await site.scene()
    before, asked = await scene.seen(), len(site.fake.requests)
    for body, expected in MESSAGES:
        for headers in ({}, STREAM):
            answer = await scene.owner.client.post(f"/sessions/{scene.session_id}/messages", json=body, headers=headers)
            assert (answer.status_code, problem_of(answer)["code"]) == expected, f"{body!r:.80}: {answer.text}"
    assert await scene.seen() == before
    assert len(site.fake.requests) == asked


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "世界" * 5000, "👩‍👩‍👧" * 1000, "\u202eabc", "a" + "\u0301" * 5000, "\x1b[31m", "<script>alert(1)</script>", "\\", "%s"]
)
async def test_a_strange_message_is_kept_as_it_is(site: Site, text: str) -> None:
    """BAD-35..37: at the limit, and whatever it is made of."""
    member = await site.sign_up()
    session_id = await member.person.new_session()
    await member.person.ask(session_id, text, params={"max_tokens": 50})
    question, answer = await member.person.messages(session_id)
    assert question["parts"] == [{"type": "text", "text": text}]
    assert answer["status"] == "complete"
    assert (await member.person.session(session_id))["title"]


SESSIONS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"title": "x" * 301}, INVALID), ({"category": "x" * 101}, INVALID), ({"model": "main/no-such-model"}, (404, "llm.unknown_model")),
    ({"agent": "no-such-agent"}, (404, "agents.unknown_agent")), ({"metadata": {f"key_{at}": at for at in range(10_000)}}, INVALID),
    ({"metadata": []}, INVALID),
    ({"metadata": {"text": "x" * 17_000}}, INVALID), ({"title": ["x"]}, INVALID), ({"title": 1}, INVALID),
]  # fmt: skip


async def test_a_session_that_makes_no_sense_is_not_made_or_changed(site: Site) -> None:
    """BAD-33, BAD-40"""
    scene = await site.scene()
    before = await scene.seen()
    for body, expected in SESSIONS:
        for method, path in (("POST", "/sessions"), ("PATCH", f"/sessions/{scene.session_id}")):
            answer = await scene.owner.client.request(method, path, json=body)
            assert (answer.status_code, problem_of(answer)["code"]) == expected, f"{method} {body!r:.80}: {answer.text}"
    problem_of(await scene.owner.client.put(f"/sessions/{scene.session_id}/notes", json={"notes": "x" * 100_001}), *INVALID)
    for query in ({"archived": "maybe"}, {"category": "x" * 101}, {"q": "x" * 201}):
        problem_of(await scene.owner.client.get("/sessions", params=query), *INVALID)
    for query in ({}, {"q": ""}, {"q": "x" * 501}):
        problem_of(await scene.owner.client.get("/search", params=query), *INVALID)
    assert await scene.seen() == before


@pytest.mark.parametrize(
    "words", ['"', "*", "AND", "NOT weather", "weather NEAR what", "a:b", "(", "weather*", "^weather", "-weather", "\u0000x", "'; --", "🌦", "{x}", "<->"]
)
async def test_the_search_takes_any_words_as_words(site: Site, words: str) -> None:
    """BAD-28: no character is an operator of the text index."""
    scene = await site.scene()
    answer = await scene.owner.client.get("/search", params={"q": words})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("key", [b"", b" ", b"x" * 1024, "schlüssel".encode(), b"\xff\xfe", b"a b", b"a\tb"])
async def test_an_idempotency_key_that_is_none_is_400(site: Site, key: bytes) -> None:
    """BAD-42"""
    scene = await site.scene()
    before = await scene.seen()
    head = f"POST /api/v1/sessions/{scene.session_id}/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: 20\r\nAuthorization: Bearer {scene.owner.access_token}\r\nIdempotency-Key: "
    answer = await site.send_raw(head.encode() + key + b'\r\n\r\n{"content":"Hello?"}')
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    assert await scene.seen() == before


PASSWORDS = ["", "short", "x" * 129, "\u0000" * 12, "password123", "x" * 500_000]


@pytest.mark.parametrize("password", PASSWORDS)
async def test_a_password_that_is_none_is_refused_on_every_way(site: Site, password: str) -> None:
    """BAD-51, SEC-42: the cap holds where a password is set, checked and changed."""
    member = await site.sign_up()
    nobody = site.admin_or_nobody
    taken = {"email": "somebody.new@example.com", "password": password}
    for answer in (await nobody.post("/auth/register", json=taken), await site.admin.client.post("/users", json=taken)):
        assert problem_of(answer, 422)["code"] in ("request.invalid", "auth.unsuitable_password")
    login = await nobody.post("/auth/login", json={"login": member.email, "password": password})
    assert problem_of(login)["status"] in (401, 422)
    for body in ({"current_password": PASSWORD, "new_password": password}, {"current_password": password, "new_password": "another quiet river"}):
        assert problem_of(await member.client.post("/auth/password", json=body))["status"] in (401, 422)
    assert (await member.client.get("/auth/me")).status_code == 200
    assert (await nobody.post("/auth/login", json={"login": "somebody.new@example.com", "password": password})).status_code in (401, 422)


async def test_fifty_sign_ups_at_once_make_one_account_and_no_administrator(site: Site) -> None:
    """BAD-55, SEC-35"""
    body = {"email": "Popular@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(site.client().post("/auth/register", json=body) for _ in range(50)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 49
    assert {answer.json()["user"]["role"] for answer in answers if answer.status_code == 201} == {"user"}


async def test_fifty_uses_of_a_wrong_set_up_link_make_no_administrator(site: Site) -> None:
    """SEC-35"""
    bodies = [{"token": "x" * 43, "email": f"root{at}@example.com", "password": PASSWORD} for at in range(50)]
    answers = await asyncio.gather(*(site.admin_or_nobody.post("/auth/setup", json=body) for body in bodies))
    for answer in answers:
        problem_of(answer, 403, "auth.invalid_setup_token")


EVENT_IDS = ["-1", "x", "1.0", "0x1", "9" * 30, "999999999", "1, 2", "1 2", "null", "１"]


async def test_an_event_number_that_this_turn_never_sent_is_refused(site: Site) -> None:
    """BAD-81"""
    scene = await site.scene()
    for text in EVENT_IDS:
        problem_of(await scene.owner.client.get(f"/turns/{scene.turn_id}/events", headers=[(b"Last-Event-ID", text.encode())]), 400, "chat.bad_event_id")
        problem_of(await scene.owner.client.get(f"/turns/{scene.turn_id}/events", params={"after": text}), 400, "chat.bad_event_id")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/event-stream", 200),
        ("*/*", 200),
        ("text/*", 200),
        ("image/png, text/event-stream;q=0.5", 200),
        ("application/json", 406),
        ("image/png", 406),
    ],
)
async def test_events_are_sent_to_those_who_can_read_them(site: Site, accept: str, status: int) -> None:
    """BAD-80"""
    scene = await site.scene()
    answer = await scene.owner.client.get(f"/turns/{scene.turn_id}/events", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        problem_of(answer, 406, "request.not_acceptable")


async def read_to_the_end(site: Site, scene: Scene, line: str) -> bytes:
    head = f"{line}\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {scene.owner.access_token}\r\n\r\n"
    return await site.send_raw(head.encode())


async def test_an_old_client_reads_a_stream_until_the_connection_ends(site: Site) -> None:
    """BAD-87: HTTP/1.0 knows no chunks."""
    scene = await site.scene()
    answer = await read_to_the_end(site, scene, f"GET /api/v1/turns/{scene.turn_id}/events HTTP/1.0")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head
    assert b"transfer-encoding" not in head.lower()
    assert text_of(frames_of(body))


async def test_a_stream_has_no_head(site: Site) -> None:
    """BAD-87"""
    scene = await site.scene()
    answer = await read_to_the_end(site, scene, f"HEAD /api/v1/turns/{scene.turn_id}/events HTTP/1.1")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"allow: GET" in answer


async def test_a_hundred_readers_of_one_person_all_get_the_answer(site: Site) -> None:
    """BAD-82: there is room for them."""
    scene = await site.scene()
    texts = await asyncio.gather(*(scene.owner.person.replay(scene.turn_id) for _ in range(100)))
    assert len(set(texts)) == 1


async def test_the_same_body_with_other_spaces_is_the_same_body(site: Site) -> None:
    """BAD-42"""
    scene = await site.scene()
    url, key = f"/sessions/{scene.session_id}/messages", {"Idempotency-Key": "spaces", **JSON}
    first = await scene.owner.client.post(url, content=b'{"content":"Once?","params":{"max_tokens":5,"top_p":1}}', headers=key)
    again = await scene.owner.client.post(url, content=b'{ "params": {"top_p": 1, "max_tokens": 5},\n "content": "Once?" }', headers=key)
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (202, 202, "true")
    assert first.json()["turn"]["id"] == again.json()["turn"]["id"]
    problem_of(await scene.owner.client.post(url, json={"content": "Once!"}, headers={"Idempotency-Key": "spaces"}), 422, "idempotency.mismatch")
