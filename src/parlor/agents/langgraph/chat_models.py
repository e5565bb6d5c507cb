"""The chat model of LangChain that graphs use here: metered, routed and limited like every call of a model in a turn."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import ensure_config
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from msgspec.structs import replace
from pydantic import BaseModel

from parlor.agents.langgraph.current import GraphRun, TurnOver, current
from parlor.agents.langgraph.messages import state_kwargs, to_model_messages
from parlor.agents.runs.answer import Answer, storable
from parlor.llm import ModelEvent, ModelRequest, ReasoningDelta, TextDelta, ToolCallDelta, ToolSpec, Usage

QUIET_TAGS = frozenset({"nostream", "langsmith:nostream"})
"""LangGraph's own: what such a call says is not streamed."""

PURPOSE = "graph"


def chat_model(name: str | None = None) -> "ParlorChatModel":
    """The model of the agent, of the session or of the message, as with any agent; or the one of this name (`provider/name`), which is paid for as well."""
    return ParlorChatModel(model=name)


class ParlorChatModel(BaseChatModel):
    """Works inside a graph that Parlor runs, and raises OutsideRun elsewhere. `tool_choice` cannot force a call: models here decide that themselves."""

    model: str | None = None

    @property
    def _llm_type(self) -> str:
        return "parlor"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        chosen = [tool["function"] for tool in map(convert_to_openai_tool, tools)]
        if isinstance(tool_choice, str) and tool_choice not in ("auto", "any", "required"):
            chosen = [tool for tool in chosen if tool["name"] == tool_choice]
        return self.bind(tools=chosen, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Asks for an answer of that form. Nobody hears it: it is no part of what the agent says."""
        parser: Any = PydanticOutputParser(pydantic_object=schema) if isinstance(schema, type) and issubclass(schema, BaseModel) else JsonOutputParser()
        asking: Any = self.bind(response_schema=convert_to_json_schema(cast("Any", schema)))
        if not include_raw:
            return asking | parser
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=asking) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")

    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any) -> AIMessage:
        return await super().ainvoke(input, config, stop=stop, **_speaking(config, kwargs))

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any) -> AIMessage:
        return super().invoke(input, config, stop=stop, **_speaking(config, kwargs))

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        async for chunk in super().astream(input, config, stop=stop, **_speaking(config, kwargs)):
            yield chunk

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        return current().wait_for(self._agenerate(messages, stop, **kwargs))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, **kwargs))

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> AsyncGenerator[ChatGenerationChunk]:
        graph_run, message_id = current(), f"parlor-{uuid4()}"
        events: asyncio.Queue[ModelEvent | None] = asyncio.Queue()
        asking = graph_run.start(self._ask(graph_run, message_id, messages, {**kwargs, "stop": stop or ()}, events))
        calls = _Calls(graph_run, messages)
        try:
            while (event := await events.get()) is not None:
                if (chunk := calls.chunk(event, message_id)) is not None:
                    yield ChatGenerationChunk(message=chunk)
            yield ChatGenerationChunk(message=_last_chunk(await asking, message_id))
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait([asking])

    async def _ask(
        self, graph_run: GraphRun, message_id: str, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any], events: "asyncio.Queue[ModelEvent | None]"
    ) -> Answer:  # fmt: skip
        run, speaks = graph_run.run, kwargs.get("speaks", True) and "response_schema" not in kwargs
        tools = [ToolSpec(tool["name"], tool.get("description", ""), tool.get("parameters", {"type": "object"})) for tool in kwargs.get("tools", ())]
        shown, extra = to_model_messages(messages), _fields(kwargs)
        try:
            graph_run.check()
            if self.model is None:
                (graph_run.spoken if speaks else graph_run.muted).add(message_id)
                answer = await run.ask(shown, tools=tools, speaks=speaks, extra=extra, hear=events.put_nowait)
                graph_run.last_reason = answer.reason if speaks else graph_run.last_reason
                return answer
            if "response_schema" in kwargs:
                graph_run.muted.add(message_id)
            model, offers = await run.other_model(self.model)
            longest = min(model.max_output_tokens, run.assignment.max_output_tokens)
            request = replace(ModelRequest(shown, tools, max_output_tokens=longest), **extra)
            return await run.ask_aside(model, offers, request, purpose=PURPOSE, hear=events.put_nowait)
        except TurnOver:
            raise
        except Exception as error:
            raise graph_run.fail(error) from error
        finally:
            events.put_nowait(None)


class _Calls:
    """The events of one answer as pieces of a message. Calls get ids that the conversation does not have yet: some providers send one id for all."""

    def __init__(self, graph_run: GraphRun, messages: Sequence[BaseMessage]) -> None:
        self._taken = graph_run.call_ids
        self._taken.update(call["id"] or "" for message in messages if isinstance(message, AIMessage) for call in message.tool_calls)

    def chunk(self, event: ModelEvent, message_id: str) -> AIMessageChunk | None:
        if isinstance(event, TextDelta):
            return AIMessageChunk(content=storable(event.text), id=message_id)
        if isinstance(event, ReasoningDelta):
            return AIMessageChunk(content="", id=message_id, additional_kwargs={"reasoning_content": storable(event.text)})
        if isinstance(event, ToolCallDelta):
            is_first = event.call_id is not None or event.name is not None
            call_id = self._free(storable(event.call_id or f"call_{event.index}")) if is_first else None
            piece = tool_call_chunk(name=event.name, args=event.arguments, id=call_id, index=event.index)
            return AIMessageChunk(content="", id=message_id, tool_call_chunks=[piece])
        return None

    def _free(self, call_id: str) -> str:
        free, number = call_id, 1
        while free in self._taken:
            number += 1
            free = f"{call_id}_{number}"
        self._taken.add(free)
        return free


def _speaking(config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "speaks": QUIET_TAGS.isdisjoint(ensure_config(config).get("tags") or ())}


def _fields(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ModelRequest among what a graph has bound to the model."""
    fields = {name: kwargs[name] for name in ("temperature", "top_p", "response_schema") if kwargs.get(name) is not None}
    if kwargs["stop"]:
        fields["stop"] = tuple(kwargs["stop"])
    if (most := kwargs.get("max_tokens")) is not None:
        fields["max_output_tokens"] = most
    wanted = kwargs.get("response_format")
    if isinstance(wanted, dict) and isinstance(form := cast("dict[str, Any]", wanted).get("json_schema"), dict):
        fields["response_schema"] = cast("dict[str, Any]", form).get("schema", form)
    return fields


def _last_chunk(answer: Answer, message_id: str) -> AIMessageChunk:
    return AIMessageChunk(
        content="",
        id=message_id,
        usage_metadata=None if answer.usage is None else _usage(answer.usage),
        response_metadata={"finish_reason": answer.reason, "model_provider": "parlor"},
        additional_kwargs=state_kwargs(answer.state),
        chunk_position="last",
    )


def _usage(usage: Usage) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
        output_token_details={"reasoning": usage.reasoning_tokens},
    )
