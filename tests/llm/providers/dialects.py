"""How each protocol says the same things: what the contract of the providers needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parlor.llm import FinishReason, Usage
from parlor.llm.endpoints import Kind


@dataclass(frozen=True)
class Dialect:
    """`texts_begin` is the number of the frame with the first text. `raw_text` is a frame that says "so far"."""

    kind: Kind
    texts_begin: int
    finish_reasons: Mapping[str, FinishReason]
    usages: tuple[tuple[Any, Usage | None], ...]
    raw_text: str
    raw_errors: tuple[tuple[str, str], ...]
    refusals: tuple[tuple[int, str, str, str], ...]
    """(status, body, reason, words of the detail)"""


OPENAI = Dialect(
    "openai",
    texts_begin=1,
    finish_reasons={"stop": "stop", "length": "length", "content_filter": "content_filter", "eos": "stop"},
    usages=(
        (
            {"prompt_tokens": 9, "completion_tokens": 8, "prompt_tokens_details": {"cached_tokens": 7}, "completion_tokens_details": {"reasoning_tokens": 6}},
            Usage(9, 8, 7, 6),
        ),
        ({"prompt_tokens": -9, "completion_tokens": 8}, None),
        ([{"prompt_tokens": 9, "completion_tokens": 3}, {"prompt_tokens": 9, "completion_tokens": 8}], Usage(9, 8)),
    ),
    raw_text='data: {"choices": [{"delta": {"content": "so far"}}]}\n\n',
    raw_errors=(
        ('data: {"error": {"message": "sk-secret-canary", "type": "rate_limit_error"}}\n\n', "provider_rate_limited"),
        ('data: {"error": {"message": "sk-secret-canary", "code": "content_filter"}}\n\n', "content_filter"),
        ('data: {"error": {"message": "sk-secret-canary", "type": "server_error"}}\n\n', "provider_error"),
    ),
    refusals=(
        (400, '{"error": {"code": "context_length_exceeded", "message": "sk-secret-canary"}}', "provider_error", "longer than the model can read"),
        (400, '{"error": {"code": "content_filter"}}', "content_filter", "refused this content"),
        (429, '{"error": {"code": "insufficient_quota"}}', "provider_rate_limited", "out of credit"),
    ),
)

ANTHROPIC = Dialect(
    "anthropic",
    texts_begin=2,
    finish_reasons={
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "content_filter",
        "new": "stop",
    },
    usages=(
        (
            {
                "input_tokens": 2,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 400,
                "output_tokens": 8,
                "output_tokens_details": {"thinking_tokens": 6},
            },
            Usage(432, 8, 30, 6),
        ),
        ({"input_tokens": -9, "output_tokens": 8}, None),
        ({"input_tokens": 9, "output_tokens": -8}, Usage(9, 1)),
        ("lots", None),
    ),
    raw_text='event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so far"}}\n\n',
    raw_errors=(
        ('event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"sk-secret-canary"}}\n\n', "provider_error"),
        ('event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"sk-secret-canary"}}\n\n', "provider_rate_limited"),
        ('event: error\ndata: {"type":"error","error":{"type":"api_error","message":"sk-secret-canary"}}\n\n', "provider_error"),
    ),
    refusals=(
        (
            400,
            '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum, sk-secret-canary"}}',
            "provider_error",
            "longer than the model can read",
        ),
        (402, '{"type":"error","error":{"type":"billing_error","message":"sk-secret-canary"}}', "provider_rate_limited", "out of credit"),
        (529, '{"type":"error","error":{"type":"overloaded_error","message":"sk-secret-canary"}}', "provider_error", "overloaded"),
    ),
)

GEMINI = Dialect(
    "gemini",
    texts_begin=0,
    finish_reasons={
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "NEW": "stop",
    },
    usages=(
        (
            {"promptTokenCount": 9, "cachedContentTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 6, "totalTokenCount": 17},
            Usage(9, 8, 7, 6),
        ),
        ({"promptTokenCount": 9, "toolUsePromptTokenCount": 3, "thoughtsTokenCount": 6}, Usage(12, 6, 0, 6)),
        ({"promptTokenCount": -9, "candidatesTokenCount": 8}, None),
        ("lots", None),
    ),
    raw_text='data: {"candidates": [{"content": {"role": "model", "parts": [{"text": "so far"}]}, "index": 0}]}\n\n',
    raw_errors=(
        ('data: {"error": {"code": 429, "message": "sk-secret-canary", "status": "RESOURCE_EXHAUSTED"}}\n\n', "provider_rate_limited"),
        ('data: {"error": {"code": 503, "message": "sk-secret-canary", "status": "UNAVAILABLE"}}\n\n', "provider_error"),
        ('data: {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}\n\n', "provider_error"),
        ('data: {"candidates": [{"finishReason": "OTHER", "index": 0}]}\n\n', "provider_error"),
    ),
    refusals=(
        (
            400,
            '[{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The input exceeds the maximum number of tokens allowed (1)."}}]',
            "provider_error",
            "longer than the model can read",
        ),
        (
            400,
            '{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "sk-secret-canary", "details": [{"reason": "API_KEY_INVALID"}]}}',
            "provider_error",
            "refused our key",
        ),
        (
            429,
            '{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "sk-secret-canary", "details": [7, {"retryDelay": "3600s"}]}}',
            "provider_rate_limited",
            "limiting our requests",
        ),
    ),
)

OLLAMA = Dialect(
    "ollama",
    texts_begin=0,
    finish_reasons={"stop": "stop", "length": "length", "load": "stop"},
    usages=(
        ({"prompt_eval_count": 9, "eval_count": 8}, Usage(9, 8)),
        ({"prompt_eval_count": -9, "eval_count": 8}, None),
        ({"prompt_eval_count": "many", "eval_count": True}, None),
    ),
    raw_text='{"message": {"role": "assistant", "content": "so far"}, "done": false}\n',
    raw_errors=(('{"error": "sk-secret-canary"}\n', "provider_error"),),
    refusals=(
        (404, '{"error": "model \\"sk-secret-canary\\" not found"}', "provider_error", "does not know this model"),
        (400, '{"error": "input exceeds the available context size"}', "provider_error", "longer than the model can read"),
    ),
)

DIALECTS = (OPENAI, ANTHROPIC, GEMINI, OLLAMA)
