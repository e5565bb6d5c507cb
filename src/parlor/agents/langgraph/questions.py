"""Interrupts of graphs as questions of turns, and the answers as what resumes the graph."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
from langgraph.types import Interrupt

from parlor.agents.langgraph.current import GraphRun
from parlor.llm import ToolCall
from parlor.tools import Suspended
from parlor.turns import NewQuestion, hash_of_call

OF_TOOL = "parlor_tool_call"
"""The key of an interrupt's value that our own tools make."""

ANSWER = "answer"
"""The field of the form that is made for an interrupt which says no schema."""

MOST_TEXT_CHARS = 4000
_PLAIN = frozenset({"string", "number", "integer", "boolean"})

Kind = Literal["tool", "decisions", "decision", "form", "value"]


class Waiting(msgspec.Struct, frozen=True):
    """An interrupt, and its questions in order. `allowed` is by question what may be decided; empty where that is not said."""

    interrupt: str
    kind: Kind
    questions: Sequence[UUID]
    allowed: Sequence[Sequence[str]] = ()


class GraphState(msgspec.Struct, frozen=True):
    """What a paused graph goes on from. Stored as JSON. `calls` are the ids of our tools' calls that wait, `suspended` the states of those that are runs."""

    thread: UUID
    waiting: Sequence[Waiting] = ()
    calls: Sequence[str] = ()
    suspended: Mapping[str, str] = {}
    breakpoint: UUID | None = None
    """The question of a graph that stops between two nodes."""

    @classmethod
    def decode(cls, text: str) -> "GraphState":
        return msgspec.json.decode(text, type=cls)

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def asked_by(call: ToolCall, outcome: NewQuestion | Suspended) -> dict[str, Any]:
    """The value of the interrupt that a call of our tools makes: plain data, since the graph stores it."""
    questions = [outcome] if isinstance(outcome, NewQuestion) else outcome.questions
    names = ("kind", "call_id", "tool", "text", "arguments", "schema", "url", "key")
    return {
        OF_TOOL: call.call_id,
        "questions": [{name: getattr(question, name) for name in names} for question in questions],
        "state": outcome.state if isinstance(outcome, Suspended) else None,
    }


def questions_of(graph_run: GraphRun, thread: UUID, interrupts: Sequence[Interrupt], upcoming: Sequence[str]) -> tuple[list[NewQuestion], GraphState]:
    """`upcoming` are the nodes before which a graph without interrupts stops."""
    questions, waiting, calls, suspended = list[NewQuestion](), list[Waiting](), list[str](), dict[str, str]()
    if not interrupts:
        question = NewQuestion("form", f"interrupt-{thread}", graph_run.run.agent.name, f"Go on with {', '.join(upcoming)}?", schema=_object({}))
        return [question], GraphState(thread, breakpoint=question.id)
    for each in interrupts:
        value = _fields_of(each.value)
        if OF_TOOL in value:
            asked, kind, allowed = [NewQuestion(**question) for question in value["questions"]], "tool", []
            calls.append(value[OF_TOOL])
            if value["state"] is not None:
                suspended[value[OF_TOOL]] = value["state"]
        else:
            asked, kind, allowed = _asked(graph_run, each)
        questions += asked
        waiting.append(Waiting(each.id, kind, [question.id for question in asked], allowed))
    return questions, GraphState(thread, waiting, calls, suspended)


def resume_values(state: GraphState, rows: Sequence[Any]) -> dict[str, Any]:
    """`{interrupt id: value}`, from the rows of the turn's questions."""
    by_id = {row.id: row for row in rows}
    return {each.interrupt: _value(each, [by_id[question_id] for question_id in each.questions]) for each in state.waiting}


def is_refused(state: GraphState, rows: Sequence[Any]) -> bool:
    """Whether somebody does not want a graph to go on that had stopped between two nodes."""
    return any(row.id == state.breakpoint and row.answer["decision"] == "reject" for row in rows)


def _asked(graph_run: GraphRun, interrupt: Interrupt) -> tuple[list[NewQuestion], Kind, list[list[str]]]:
    value = _fields_of(interrupt.value)
    if (actions := _action_requests(value)) is not None:
        allowed = {config["action_name"]: list(config["allowed_decisions"]) for config in value.get("review_configs", ())}
        taken = set[str]()
        asked = [_approval(graph_run, interrupt, at, action, allowed.get(action["name"], []), taken) for at, action in enumerate(actions)]
        return asked, "decisions", [allowed.get(action["name"], []) for action in actions]
    if value.get("type") == "tool_approval" and "args" in value:
        allowed_here = _decisions_in(interrupt.response_schema)
        return [_approval(graph_run, interrupt, 0, value, allowed_here, set())], "decision", [allowed_here]
    return _form(graph_run, interrupt)


def _action_requests(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Of the middleware's value, if it is one."""
    requests: Any = value.get("action_requests")
    actions = [_fields_of(each) for each in cast("list[Any]", requests)] if isinstance(requests, list) else []
    return actions if actions and all("name" in each and "args" in each for each in actions) else None


def _approval(graph_run: GraphRun, interrupt: Interrupt, at: int, action: Mapping[str, Any], allowed: Sequence[str], taken: set[str]) -> NewQuestion:
    """About the call that the log has told of, if it has. One that only a person can answer is a form."""
    tool, arguments = action["name"], action["args"]
    text = _text(action.get("description") or f"May {tool} be called with these arguments?")
    call_id = action.get("tool_call_id") or next(
        (each for each, (name, given) in graph_run.open_calls.items() if each not in taken and name == tool and given == arguments), None
    )
    if call_id is None or graph_run.run.parent is not None:
        call_id = f"interrupt-{interrupt.id}-{at}"
    taken.add(call_id)
    if list(allowed) == ["respond"]:
        return NewQuestion("form", call_id, tool, text, arguments=arguments, schema=_object({"message": {"type": "string"}}))
    return NewQuestion("approval", call_id, tool, text, arguments=arguments)


def _form(graph_run: GraphRun, interrupt: Interrupt) -> tuple[list[NewQuestion], Kind, list[list[str]]]:
    said, name = _fields_of(interrupt.value), graph_run.run.agent.name
    schema = _fields_of(interrupt.response_schema) or _fields_of(said.get("response_schema")) or _fields_of(said.get("schema"))
    text, call_id = _text(_words_of(interrupt.value)), f"interrupt-{interrupt.id}"
    if _is_flat(schema):
        return [NewQuestion("form", call_id, name, text, schema=schema)], "form", []
    field = schema if schema.get("type") in _PLAIN else {"type": "string"}
    return [NewQuestion("form", call_id, name, text, schema=_object({ANSWER: field}))], "value", []


def _value(waiting: Waiting, rows: Sequence[Any]) -> Any:
    """A no to a form is None: the graph goes on without an answer."""
    match waiting.kind:
        case "tool":
            return True
        case "decisions":
            return {"decisions": [_decision(row, allowed) for row, allowed in zip(rows, waiting.allowed, strict=True)]}
        case "decision":
            return _decision(rows[0], waiting.allowed[0])
        case "form":
            return rows[0].answer.get("form")
        case "value":
            form = rows[0].answer.get("form")
            return None if form is None else form.get(ANSWER)


def _decision(row: Any, allowed: Sequence[str]) -> dict[str, Any]:
    answer = row.answer
    if row.kind == "form" and answer["decision"] != "reject":
        return {"type": "respond", "message": answer["form"]["message"]}
    if answer["decision"] == "reject":
        return {"type": "reject", "message": answer["reason"]} if answer.get("reason") else {"type": "reject"}
    if hash_of_call(row.tool, row.arguments) != row.arguments_hash:
        return {"type": "reject", "message": "what was approved is not what was asked"}
    if answer["decision"] == "edit":
        if allowed and "edit" not in allowed:
            return {"type": "reject", "message": "this call may not be changed"}
        return {"type": "edit", "edited_action": {"name": row.tool, "args": answer["arguments"]}}
    return {"type": "approve"}


def _decisions_in(schema: Any) -> list[str]:
    """Which decisions a JSON schema of LangChain's lets through."""
    whole, found = _fields_of(schema), list[str]()
    for each in (whole, *map(_fields_of, _fields_of(whole.get("$defs")).values())):
        kind = _fields_of(_fields_of(each.get("properties")).get("type"))
        found += [kind["const"]] if "const" in kind else kind.get("enum", [])
    return found


def _is_flat(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") != "object" or "properties" not in schema:
        return False
    return all(_fields_of(each).get("type") in _PLAIN for each in _fields_of(schema["properties"]).values())


def _fields_of(value: Any) -> dict[str, Any]:
    """Nothing, where it is no object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _words_of(value: Any) -> Any:
    said = _fields_of(value)
    return next((said[name] for name in ("question", "text", "message", "description") if isinstance(said.get(name), str)), value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return text.replace("\x00", "")[:MOST_TEXT_CHARS]
