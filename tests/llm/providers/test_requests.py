"""What is sent: one conversation with everything in it, as each protocol says it."""

from typing import Any

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.llm import ImagePart, ModelMessage, ModelRequest, ProviderState, TextPart, ToolCall, ToolSpec, UnsupportedInput
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.providers.schemas import closed
from parlor.llm.providers.wire import Target
from parlor.llm.providers.wires import WIRES
from parlor.llm.settings import ProviderSettings
from tests.llm.conftest import Make, asks, hear

PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}}
SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}
PIXEL = ImagePart.of(b"\x89PNG", "image/png")
KINDS: tuple[Kind, ...] = ("openai", "anthropic", "gemini", "ollama")
NATIVE: tuple[Kind, ...] = ("anthropic", "gemini", "ollama")


def target_of(kind: Kind, model: str = "m", **more: Any) -> Target:
    return Target(endpoint_of("main", ProviderSettings(kind=kind, base_url="http://x.example")), model, max_output_tokens=4_096, **more)


def body_of(kind: Kind, *messages: ModelMessage, model: str = "m", **more: Any) -> dict[str, Any]:
    return WIRES[kind].body_of(ModelRequest(messages, **more), target_of(kind, model))


CONVERSATION = (
    ModelMessage("system", "Be brief."),
    ModelMessage("user", "1 + 1 and 2 + 2?"),
    ModelMessage("assistant", "", [ToolCall("c:1", "add", '{"a":1}'), ToolCall("c2", "add", "")]),
    ModelMessage("tool", '{"sum":2}', call_id="c:1"),
    ModelMessage("tool", "error: nothing to add", call_id="c2"),
    ModelMessage("user", "Go on."),
    ModelMessage("assistant", ""),
    ModelMessage("user", "Please."),
)
EVERYTHING: dict[str, Any] = {
    "tools": [ToolSpec("add", "Adds.", PARAMETERS)], "max_output_tokens": 99, "temperature": 1.5, "top_p": 0.9, "stop": ["END"], "response_schema": SCHEMA,
}  # fmt: skip


def test_anthropic_is_asked_with_alternating_roles_and_no_empty_text() -> None:
    assert body_of("anthropic", *CONVERSATION, **EVERYTHING) == {
        "model": "m",
        "stream": True,
        "system": "Be brief.",
        "max_tokens": 99,
        "temperature": 1,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "tools": [{"name": "add", "description": "Adds.", "input_schema": PARAMETERS}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "1 + 1 and 2 + 2?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c_1", "name": "add", "input": {"a": 1}},
                    {"type": "tool_use", "id": "c2", "name": "add", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c_1", "content": '{"sum":2}'},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "error: nothing to add"},
                    {"type": "text", "text": "Go on."},
                    {"type": "text", "text": "Please."},
                ],
            },
        ],
    }


def test_gemini_is_asked_with_alternating_roles_and_results_by_the_tools_name() -> None:
    assert body_of("gemini", *CONVERSATION, **EVERYTHING) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "add", "description": "Adds.", "parametersJsonSchema": PARAMETERS}]}],
        "generationConfig": {
            "maxOutputTokens": 99,
            "temperature": 1.5,
            "topP": 0.9,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
        "contents": [
            {"role": "user", "parts": [{"text": "1 + 1 and 2 + 2?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"a": 1}}}, {"functionCall": {"name": "add", "args": {}}}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "add", "response": {"sum": 2}}},
                    {"functionResponse": {"name": "add", "response": {"output": "error: nothing to add"}}},
                    {"text": "Go on."},
                    {"text": "Please."},
                ],
            },
        ],
    }


def test_ollama_is_asked_with_its_options_and_results_by_the_tools_name() -> None:
    assert body_of("ollama", *CONVERSATION, **EVERYTHING) == {
        "model": "m",
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS}}],
        "format": SCHEMA,
        "options": {"num_predict": 99, "temperature": 1.5, "top_p": 0.9, "stop": ["END"]},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1 + 1 and 2 + 2?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}, {"function": {"name": "add", "arguments": {}}}],
            },
            {"role": "tool", "tool_name": "add", "content": '{"sum":2}'},
            {"role": "tool", "tool_name": "add", "content": "error: nothing to add"},
            {"role": "user", "content": "Go on."},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "Please."},
        ],
    }


def test_what_is_not_asked_for_is_not_sent() -> None:
    hi = ModelMessage("user", "hi")

    assert body_of("anthropic", hi) == {
        "model": "m",
        "stream": True,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert body_of("gemini", hi) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert body_of("ollama", hi) == {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


def test_extra_fields_go_along_and_override_nothing() -> None:
    hi = ModelMessage("user", "hi")
    config = {"temperature": 2, "thinkingConfig": {"includeThoughts": True}}

    claude = body_of("anthropic", hi, extra={"thinking": {"type": "adaptive"}, "stream": False, "output_config": {"effort": "low"}}, response_schema=SCHEMA)
    gemini = body_of("gemini", hi, temperature=0.5, extra={"generationConfig": config, "contents": []})
    ollama = body_of("ollama", hi, max_output_tokens=9, extra={"think": True, "model": "dearer", "options": {"seed": 7, "num_predict": 99}})

    assert (claude["thinking"], claude["stream"], claude["output_config"]["effort"]) == ({"type": "adaptive"}, True, "low")
    assert claude["output_config"]["format"]["schema"] == SCHEMA
    assert gemini["generationConfig"] == {"temperature": 0.5, "thinkingConfig": {"includeThoughts": True}}
    assert gemini["contents"] != []
    assert (ollama["think"], ollama["model"], ollama["options"]) == (True, "m", {"seed": 7, "num_predict": 9})


def test_ollama_is_told_how_much_to_read_only_when_the_operator_said_so() -> None:
    target = target_of("ollama", context_tokens=16_384)

    assert WIRES["ollama"].body_of(ModelRequest([ModelMessage("user", "hi")]), target)["options"] == {"num_ctx": 16_384}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (SCHEMA, True),
        ({"type": "object", "properties": {"a": SCHEMA}, "required": [], "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"], "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {"anyOf": [SCHEMA, {"type": "null"}]}}, "required": ["a"], "additionalProperties": False}, True),
    ],
)
def test_openai_is_asked_to_guarantee_a_schema_where_it_can(schema: dict[str, Any], strict: bool) -> None:
    assert body_of("openai", ModelMessage("user", "hi"), response_schema=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


def test_a_schema_for_anthropic_is_closed_and_has_only_what_it_takes() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "minimum": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "minItems": 2, "items": {"oneOf": [{"type": "string", "maxLength": 5}, {"$ref": "#/$defs/tag"}]}},
            "kind": {"enum": [{"minimum": 1}, None]},
        },
        "required": ["minimum"],
        "$defs": {"tag": {"type": "object", "properties": {}}},
    }

    assert closed(schema) == {
        "type": "object",
        "properties": {
            "minimum": {"type": "integer"},
            "tags": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/tag"}]}},
            "kind": {"enum": [{"minimum": 1}, None]},
        },
        "required": ["minimum"],
        "$defs": {"tag": {"type": "object", "properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("openai", {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL.url}}]}),
        (
            "anthropic",
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                ],
            },
        ),
        ("gemini", {"role": "user", "parts": [{"text": "What is this?"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}]}),
        ("ollama", {"role": "user", "content": "What is this?", "images": ["iVBORw=="]}),
    ],
)
def test_images_are_sent_as_each_protocol_has_them(kind: Kind, message: dict[str, Any]) -> None:
    body = body_of(kind, ModelMessage("user", "What is this?", parts=[PIXEL, TextPart("")]))

    assert (body.get("messages") or body["contents"]) == [message]


def test_an_image_of_somebody_elses_server_is_left_to_providers_that_fetch_it() -> None:
    message = ModelMessage("user", parts=[ImagePart("https://pictures.example/cat.png")])

    assert body_of("openai", message)["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}}]
    assert body_of("anthropic", message)["messages"][0]["content"] == [{"type": "image", "source": {"type": "url", "url": "https://pictures.example/cat.png"}}]
    for kind in ("gemini", "ollama"):
        with pytest.raises(UnsupportedInput, match="does not fetch images"):
            body_of(kind, message)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "url", ["", "cat.png", "ftp://x/cat.png", "data:text/html;base64,AAAA", "data:image/png,AAAA", "data:image/png;base64,", "file:///etc/passwd"]
)
def test_what_is_no_image_is_refused(kind: Kind, url: str) -> None:
    with pytest.raises(UnsupportedInput):
        body_of(kind, ModelMessage("user", parts=[ImagePart(url)]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_in_the_result_of_a_tool_is_refused(kind: Kind) -> None:
    with pytest.raises(UnsupportedInput, match="role tool"):
        body_of(kind, ModelMessage("tool", call_id="c1", parts=[PIXEL]))


@pytest.mark.parametrize("kind", NATIVE)
def test_arguments_that_are_no_object_are_sent_as_one(kind: Kind) -> None:
    body = body_of(kind, ModelMessage("assistant", "", [ToolCall("c1", "add", "[1, 2")]))

    assert '{"unreadable": "[1, 2"}' in str(body).replace("'", '"')


def test_a_models_name_cannot_lead_elsewhere() -> None:
    assert WIRES["gemini"].url_of(target_of("gemini", "../x?key=1#y")) == "http://x.example/v1beta/models/..%2Fx%3Fkey%3D1%23y:streamGenerateContent?alt=sse"


async def asked_again(make: Make, fake: FakeModel, kind: Kind, script: Script) -> dict[str, Any]:
    """The body of the second request of a tool loop."""
    fake.next(script, script)
    model = make(fake.origin, kind=kind)
    first = await hear(model)
    said = ModelMessage("assistant", first.text, [ToolCall(*call) for call in first.calls], provider_state=first.state)
    results = [ModelMessage("tool", "2", call_id=call[0]) for call in first.calls]
    await hear(model, ModelRequest([ModelMessage("user", "hi"), said, *results]))
    return fake.requests[1].body


THOUGHTFUL = Script(
    reasoning=("hm, ", "so"),
    signature="c2lnbmVk",
    tool_calls=(FakeToolCall(name="add", id="c1", signature="dGhvdWdodA=="), FakeToolCall(name="add", id=None, index=1)),
)


async def test_anthropic_gets_its_signed_thoughts_back(make: Make, fake: FakeModel) -> None:
    body = await asked_again(make, fake, "anthropic", THOUGHTFUL)

    thought, first, second = body["messages"][1]["content"]
    assert thought == {"type": "thinking", "thinking": "hm, so", "signature": "c2lnbmVk"}
    assert first == {"type": "tool_use", "id": "c1", "name": "add", "input": {}}
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == ["c1", second["id"]]


async def test_anthropic_gets_thoughts_back_that_nobody_may_read(make: Make, fake: FakeModel) -> None:
    events = (
        '{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"c2VjcmV0"}}',
        '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c1","name":"add","input":{"a":1}}}',
        '{"type":"message_delta","delta":{"stop_reason":"tool_use"}}',
    )
    body = await asked_again(make, fake, "anthropic", Script(raw="".join(f"data: {event}\n\n" for event in events)))

    assert body["messages"][1]["content"] == [
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
    ]


async def test_gemini_gets_its_ids_and_signatures_back(make: Make, fake: FakeModel) -> None:
    body = await asked_again(make, fake, "gemini", THOUGHTFUL)

    assert body["contents"][1]["parts"] == [
        {"functionCall": {"id": "c1", "name": "add", "args": {}}, "thoughtSignature": "dGhvdWdodA=="},
        {"functionCall": {"name": "add", "args": {}}},
    ]
    assert [part["functionResponse"].get("id") for part in body["contents"][2]["parts"]] == ["c1", None]


async def test_ollama_gets_its_thoughts_back(make: Make, fake: FakeModel) -> None:
    assert (await asked_again(make, fake, "ollama", THOUGHTFUL))["messages"][1]["thinking"] == "hm, so"


async def test_the_openai_protocol_gives_back_what_deepseek_and_geminis_endpoint_want(make: Make, fake: FakeModel) -> None:
    message = (await asked_again(make, fake, "openai", THOUGHTFUL))["messages"][1]

    assert message["reasoning_content"] == "hm, so"
    assert [call.get("extra_content") for call in message["tool_calls"]] == [{"google": {"thought_signature": "dGhvdWdodA=="}}, None]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_without_calls_and_thoughts_leaves_nothing_to_give_back(make: Make, fake: FakeModel, kind: Kind) -> None:
    assert (await hear(make(fake.origin, kind=kind), asks())).state is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_another_model_is_not_sent(kind: Kind) -> None:
    calls = [ToolCall("c1", "add", "{}")]
    state = {"thoughts": [{"type": "thinking"}], "0": {"id": "x"}, "thinking": "x", "reasoning_content": "x", "calls": {"0": "x"}}
    foreign = ModelMessage("assistant", "", calls, provider_state=ProviderState("main/other", state))

    assert body_of(kind, foreign) == body_of(kind, ModelMessage("assistant", "", calls))
