"""Graphs as their authors would write them, for the tests to run: `tests.agents.langgraph.graphs:NAME`."""

import asyncio
import threading
from typing import Annotated, Any, TypedDict, cast

import langchain.agents
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import RetryPolicy, interrupt
from pydantic import BaseModel

from parlor.agents.langgraph import chat_model, current_run, parlor_tools

create_agent = cast("Any", langchain.agents.create_agent)  # typed with parameters that nobody fills in
PLACE = "tests.agents.langgraph.graphs"
published: list[str] = []


@tool
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@tool
async def publish(text: str) -> str:
    """Publish a text."""
    published.append(text)
    return f"published {text}"


def agent(model: Any, tools: Any) -> Any:
    """With whatever tools of Parlor's the agent has."""
    return create_agent(model, tools, system_prompt="You are a graph.")


plain = create_agent(chat_model(), [double], system_prompt="You are a graph.", checkpointer=InMemorySaver())
careful = create_agent(chat_model(), [double, publish], middleware=[HumanInTheLoopMiddleware(interrupt_on={"publish": True})])
careful_one_by_one = create_agent(
    chat_model(),
    [publish],
    middleware=[HumanInTheLoopMiddleware(interrupt_on={"publish": {"allowed_decisions": ["approve", "reject"]}}, interrupt_mode="per_call")],
)


def of(node: Any, **options: Any) -> Any:
    """A graph of one node."""
    builder: Any = StateGraph(MessagesState)
    builder.add_node("node", node, **options)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


async def _by_hand(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"I have heard {len(state['messages'])} messages.")]}


by_hand = of(_by_hand)


def _sync(state: MessagesState) -> Any:
    return {"messages": [chat_model().invoke(state["messages"])]}


sync = of(_sync)


async def _quiet(state: MessagesState) -> Any:
    thought = await chat_model().with_config(tags=["nostream"]).ainvoke("think")
    aside = await chat_model("test/other").with_config(tags=["nostream"]).ainvoke("think aside")
    return {"messages": [await chat_model().ainvoke([*state["messages"][:-1], AIMessage(f"{thought.text}+{aside.text}"), state["messages"][-1]])]}


quiet = of(_quiet)


class Verdict(BaseModel):
    is_fine: bool


async def _structured(state: MessagesState) -> Any:
    verdict: Any = await chat_model().with_structured_output(Verdict).ainvoke(state["messages"])
    return {"messages": [AIMessage(f"fine: {verdict.is_fine}")]}


structured = of(_structured)


async def _asks(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"You said {interrupt('What is your name?')!r}.")]}


asks = of(_asks)

FORM = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}


async def _asks_form(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"You said {interrupt({'question': 'Where to?', 'schema': FORM})!r}.")]}


asks_form = of(_asks_form)


class _Two(TypedDict):
    messages: Annotated[list[Any], add_messages]


def _two() -> Any:
    builder: Any = StateGraph(_Two)
    for name in ("left", "right"):
        builder.add_node(name, _side(name))
        builder.add_edge(START, name)
    return builder.compile()


def _side(name: str) -> Any:
    async def side(state: _Two) -> Any:
        return {"messages": [AIMessage(f"{name}={interrupt({'text': name, 'response_schema': {'type': 'integer'}})!r} ")]}

    return side


two = _two()


def tool_node(model: Any, tools: Any) -> Any:
    """All tools of Parlor in one node, which runs again as a whole when one of them has asked somebody."""
    builder: Any = StateGraph(MessagesState)

    async def ask(state: MessagesState) -> Any:
        return {"messages": [await model.bind_tools(tools).ainvoke(state["messages"])]}

    builder.add_node("ask", ask)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("ask", tools_condition)
    builder.add_edge("tools", "ask")
    return builder.compile()


async def _breaks(state: MessagesState) -> Any:
    raise RuntimeError("a bug of the graph's author")


breaks = of(_breaks)


def _endless() -> Any:
    builder: Any = StateGraph(MessagesState)

    async def again(state: MessagesState) -> Any:
        return {}

    builder.add_node("again", again)
    builder.add_edge(START, "again")
    builder.add_edge("again", "again")
    return builder.compile()


endless = _endless()


async def _waits(state: MessagesState) -> Any:
    await asyncio.Event().wait()


waits = of(_waits)


async def _swallows(state: MessagesState) -> Any:
    for _ in range(5):
        try:
            await chat_model().with_config(tags=["nostream"]).ainvoke("again")
        except Exception as error:
            raise ValueError("wrapped") from error
    return {"messages": []}


swallows = of(_swallows, retry_policy=RetryPolicy(initial_interval=0.001, max_attempts=3))


async def _stubborn(state: MessagesState) -> Any:
    for _ in range(20):
        try:
            await chat_model().with_config(tags=["nostream"]).ainvoke("again")
        except Exception:
            continue
    return {"messages": [AIMessage("I do not care.")]}


stubborn = of(_stubborn)


async def _who(state: MessagesState) -> Any:
    run = current_run()
    names = [each.name for each in parlor_tools()]
    return {"messages": [AIMessage(f"{run.agent.name}: {run.system_prompt} {names}")]}


who = of(_who)


def _before() -> Any:
    builder: Any = StateGraph(MessagesState)
    builder.add_node("draft", _by_hand)
    builder.add_node("send", _by_hand)
    builder.add_edge(START, "draft")
    builder.add_edge("draft", "send")
    return builder.compile(interrupt_before=["send"])


stops = _before()
unbuilt: Any = StateGraph(MessagesState)
unbuilt.add_node("node", _by_hand)
unbuilt.add_edge(START, "node")
number = 7


class _Bare(TypedDict):
    text: str


async def _nothing(state: _Bare) -> Any:
    return {}


stateless: Any = StateGraph(_Bare)
stateless.add_node("node", _nothing)
stateless.add_edge(START, "node")


def failing() -> Any:
    raise RuntimeError("no key")


async def made() -> Any:
    return by_hand


class Blocked:
    """What holds the threads of a graph that blocks, and what its nodes have met once they were let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.met: list[str] = []
        self.left = threading.Semaphore(0)


BLOCKED = Blocked()


def _blocks(state: MessagesState) -> Any:
    BLOCKED.entered.release()
    BLOCKED.gate.wait(60)
    try:
        chat_model().invoke("Still there?")
    except Exception as error:
        BLOCKED.met.append(type(error).__name__)
    BLOCKED.left.release()
    return {"messages": []}


blocks = of(_blocks)
