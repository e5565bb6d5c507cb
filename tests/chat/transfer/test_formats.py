"""What the files of others hold, and what is made of those that lie."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from parlor.chat.transfer.drafts import storable, time_of
from parlor.chat.transfer.files import ImportTooLarge, UnknownExport, UnreadableImport
from parlor.chat.transfer.formats import Readable, read_file
from parlor.chat.transfer.own import NO_RESULT, storable_json
from parlor.chat.transfer.settings import ImportSettings

LIMITS = ImportSettings()


def read(value: Any, limits: ImportSettings = LIMITS) -> Any:
    return read_file(value if isinstance(value, bytes) else json.dumps(value).encode(), limits)


def said(session: Readable) -> list[tuple[str | None, str, int | None]]:
    return [(each.message.role, "".join(part.get("text", "") for part in each.message.parts), each.parent) for each in session.messages]


def own(*messages: Any, **session: Any) -> dict[str, Any]:
    return {"format": "parlor.session", "version": 1, "session": session, "messages": list(messages)}


def node(key: str, parent: str | None, role: str | None, text: Any = "", **message: Any) -> dict[str, Any]:
    """Of a ChatGPT export."""
    content = {"content_type": "text", "parts": [text]}
    return {
        "id": key,
        "parent": parent,
        "children": [],
        "message": role and {"author": {"role": role}, "content": content, "create_time": 1700000000.5, **message},
    }


CHATGPT = {
    "title": "A  trip\n",
    "create_time": 1699999999.0,
    "current_node": "a2",
    "mapping": {
        "root": node("root", None, None),
        "s": node("s", "root", "system", "You are a helpful assistant."),
        "q": node("q", "s", "user", "Where to?"),
        "a1": node("a1", "q", "assistant", "North."),
        "thought": node("thought", "q", "assistant", "", content={"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
        "code": node("code", "thought", "assistant", "search()", recipient="python"),
        "tool": node("tool", "code", "tool", "42"),
        "a2": node("a2", "tool", "assistant", "South."),
        "hidden": node("hidden", "q", "user", "custom instructions", metadata={"is_visually_hidden_from_conversation": True}),
    },
}


def test_chatgpt_keeps_what_was_said_and_its_branches() -> None:
    reading = read([CHATGPT])
    (session,) = reading.sessions
    assert (reading.format, session.session.title) == ("chatgpt", "A trip")
    assert said(session) == [("user", "Where to?", None), ("assistant", "North.", 0), ("assistant", "South.", 0)]
    assert session.messages[0].message.created_at == datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)
    assert session.session.created_at == datetime(2023, 11, 14, 22, 13, 19, tzinfo=UTC)


def test_chatgpt_pictures_leave_a_word_and_recordings_what_was_said() -> None:
    parts = ["Look", {"content_type": "image_asset_pointer", "asset_pointer": "x"}, {"content_type": "audio_transcription", "text": "spoken"}, 7, {}]
    mapping = {"q": node("q", None, "user", content={"content_type": "multimodal_text", "parts": parts})}
    assert said(read({"mapping": mapping}).sessions[0]) == [("user", "Look\n\n[image]\n\nspoken", None)]


def test_parents_are_found_by_their_children_too() -> None:
    mapping = {"q": {**node("q", None, "user", "Hi"), "children": ["a"]}, "a": node("a", None, "assistant", "Hello")}
    assert said(read({"mapping": mapping}).sessions[0])[1] == ("assistant", "Hello", 0)


def test_open_webui_is_read_as_a_tree_as_a_list_and_by_itself() -> None:
    messages = {
        "1": {"id": "1", "parentId": None, "childrenIds": ["2", "3"], "role": "user", "content": "Hi", "timestamp": 1700000000},
        "2": {"id": "2", "parentId": "1", "childrenIds": [], "role": "assistant", "content": "Old", "timestamp": 1700000001},
        "3": {"id": "3", "parentId": "1", "childrenIds": [], "role": "assistant", "content": "New"},
        "4": {"id": "4", "parentId": "1", "role": "system", "content": "Be nice."},
    }
    chat = {"id": "x", "title": "Hello", "pinned": True, "created_at": 1700000000, "chat": {"history": {"messages": messages, "currentId": "2"}}}
    expected = [("user", "Hi", None), ("assistant", "New", 0), ("assistant", "Old", 0)]
    for value in (chat, [chat], {"title": "Hello", **chat["chat"]}):
        reading = read(value)
        assert (reading.format, said(reading.sessions[0]), reading.sessions[0].session.title) == ("open_webui", expected, "Hello")
    flat = {
        "chat": {
            "title": "Flat",
            "timestamp": 1700000000000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Yo"}],
        }
    }
    session = read(flat).sessions[0]
    assert said(session) == [("user", "Hi", None), ("assistant", "Yo", 0)]
    assert session.session.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_our_own_calls_get_one_result_each_and_ids_of_their_own() -> None:
    parts = [
        {"type": "tool_result", "call_id": "stray", "result": 1},
        {"type": "tool_call", "call_id": "a", "tool": "calculator", "arguments": {"expression": "1"}},
        {"type": "tool_call", "call_id": "a", "tool": "calculator", "arguments": {}},
        {"type": "tool_call", "call_id": "b", "tool": "calculator", "arguments": "{broken"},
        {"type": "tool_call", "call_id": "c", "tool": "no such name!", "arguments": {}},
        {"type": "tool_result", "call_id": "a", "result": {"value": 2}},
        {"type": "text", "text": "Two."},
        {"type": "tool_call", "call_id": "a", "tool": "calculator", "arguments": []},
        {"type": "tool_result", "call_id": "a", "error": "no"},
        {"type": "source", "index": 1, "title": "T", "locator": "p. 1", "quote": "q", "source": "s"},
        {"type": "summary", "text": "Before", "replaces": ["x"]},
        {"type": "file", "file_id": "x"},
        "nonsense",
    ]
    reading = read(
        own({"id": "1", "role": "assistant", "parts": parts, "usage": {"input_tokens": 1, "output_tokens": 2, "x": 3}}, title="T", metadata={"a": 1})
    )
    message = reading.sessions[0].messages[0].message
    kinds = [(part["type"], part.get("error")) for part in message.parts]
    assert kinds == [
        ("tool_call", None), ("tool_call", None), ("tool_result", None), ("tool_result", NO_RESULT), ("text", None), ("tool_call", None), ("tool_result", "no"),
        ("source", None),
    ]  # fmt: skip
    ids = [part["call_id"] for part in message.parts if part["type"] == "tool_call"]
    assert len(set(ids)) == 3
    assert not {"a", "b"} & set(ids)
    assert message.usage == {"input_tokens": 1, "output_tokens": 2}
    assert reading.sessions[0].session.fields["metadata"] == {"a": 1}


def test_fields_of_a_session_are_cut_to_what_a_session_takes() -> None:
    fields = (
        read(own({"role": "user", "parts": [{"type": "text", "text": "x"}]}, title="t" * 999, metadata={"big": "x" * 20_000}, pinned="yes", model=7))
        .sessions[0]
        .session
    )
    assert len(fields.title) == 300
    assert fields.fields["metadata"] == {}
    assert (fields.fields["is_pinned"], fields.fields["model"]) == (False, None)


def test_what_cannot_be_imported_is_said_with_its_place() -> None:
    good = own({"role": "user", "parts": [{"type": "text", "text": "x"}]})
    empty, newer = own(title="Nothing"), {**good, "version": 2, "session": {"title": "Newer"}}
    reading = read([7, good, empty, newer, {"mapping": {}}], LIMITS)
    assert len(reading.sessions) == 1
    assert [(each.index, each.title) for each in reading.skipped] == [(0, ""), (2, "Nothing"), (3, "Newer"), (4, "")]
    assert "version 2" in reading.skipped[2].reason


@pytest.mark.parametrize("value", [[], {}, [1], "text", None, {"mapping": None}, {"chat": {}}])
def test_a_file_without_conversations_is_refused(value: Any) -> None:
    with pytest.raises(UnknownExport):
        read(value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[{}", b"[{},]", b"[{} {}]", b"{} x", b"[] x", b"\xff", b"[NaN]", b"[" * 100_000, b'{"mapping":' * 100_000, b"nonsense"]
)
def test_a_file_that_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableImport):
        read(content)


def test_a_byte_order_mark_is_no_matter() -> None:
    assert len(read(b"\xef\xbb\xbf " + json.dumps(CHATGPT).encode()).sessions) == 1


def test_there_are_limits_for_conversations_and_messages() -> None:
    message = {"role": "user", "parts": [{"type": "text", "text": "x"}]}
    with pytest.raises(ImportTooLarge):
        read([own(message)] * 3, ImportSettings(sessions_most=2))
    with pytest.raises(ImportTooLarge):
        read([own(*[{**message, "id": str(n)} for n in range(3)])] * 2, ImportSettings(messages_most=5))
    assert "more than 2" in read([own(message), own(*[{**message, "id": str(n)} for n in range(3)])], ImportSettings(session_messages_most=2)).skipped[0].reason


def test_no_text_or_number_is_kept_that_a_database_refuses() -> None:
    assert storable("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    value = {"a\x00": [1e400, 2**70, -(2**63), True, None, 1.5, "\udfff"], "deep": deep}
    kept = storable_json(value)
    assert kept["a\ufffd"] == [None, None, -(2**63), True, None, 1.5, "\ufffd"]
    assert json.dumps(kept).count("[") == 64


@pytest.mark.parametrize("value", [None, "", "soon", True, -1, 0, float("nan"), float("inf"), 1e300, 10**400, [], "0000-00-00"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_of(value) is None


def test_times_come_in_seconds_milliseconds_and_texts() -> None:
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert time_of(1700000000) == time_of(1700000000000) == time_of("2023-11-14T22:13:20Z") == time_of("2023-11-14T23:13:20+01:00") == at
    assert time_of("2023-11-14T22:13:20") == at
