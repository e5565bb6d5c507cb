"""LangGraph's checkpoints in both databases."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from sqlalchemy import LargeBinary, String, bindparam, update

from parlor.accounts.registry import NewAccount
from parlor.agents.langgraph import queries
from parlor.agents.langgraph.saver import KEPT, ParlorSaver
from parlor.agents.langgraph.serializer import FORMAT, Corrupt
from parlor.agents.langgraph.tables import GraphCheckpoint
from parlor.agents.langgraph.user_data import GraphUserData
from parlor.core.db import Database, Transaction, statement
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.jobs import Jobs
from tests.support.accounts import registry_of

SESSION = new_id()
_stored = {"checkpoint": bindparam("stored", type_=LargeBinary()), "type": bindparam("kind", type_=String())}
_spoil = statement(update(GraphCheckpoint).values(**_stored))
FORGED = (
    ("pickle", b"cos\nsystem\n(S'true'\ntR."),
    (FORMAT, b"\xc7\x01\x63\x00"),
    ("json", b'{"lc": 2, "type": "constructor", "id": ["os", "system"]}'),
)


async def new_account(db: Database) -> UUID:
    account = await db.write(lambda tx: registry_of(Events(db, Jobs())).add(tx, NewAccount(username=f"u{new_id().hex}")))
    return account.id


async def new_thread(db: Database, account_id: UUID | None = None) -> UUID:
    thread_id, owner = new_id(), account_id or await new_account(db)
    await db.write(lambda tx: queries.add_thread(tx, thread_id, owner, SESSION, "graph"))
    return thread_id


def config_of(thread_id: Any, **more: Any) -> Any:
    return {"configurable": {"thread_id": str(thread_id), "checkpoint_ns": "", **more}, "metadata": {"agent": "graph"}}


def added(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    return [*left, *right]


class State(TypedDict):
    seen: Annotated[list[Any], added]


async def _split(state: State) -> Any:
    make: Any = Command
    return make(update={"seen": ["split", {1, 2}]}, goto=[Send("ask", {"who": who}) for who in ("ann", "bob")])


async def _ask(given: Any) -> Any:
    return {"seen": [f"{given['who']}: {interrupt(given['who'])}"]}


async def _end(state: State) -> Any:
    return {"seen": ["end"]}


def asking(saver: BaseCheckpointSaver[Any]) -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("split", _split, destinations=("ask",))
    builder.add_node("ask", _ask)
    builder.add_node("end", _end)
    builder.add_edge(START, "split")
    builder.add_edge("ask", "end")
    return builder.compile(checkpointer=saver)


async def walk(saver: BaseCheckpointSaver[Any], thread_id: Any) -> list[Any]:
    """What LangGraph shows of one graph that is interrupted twice, resumed in part, and asked again."""
    graph, config, shown = asking(saver), config_of(thread_id), list[Any]()

    async def look() -> None:
        stands = await graph.aget_state(config)
        shown.append((stands.values, stands.next, sorted(each.value for each in stands.interrupts), stands.metadata["step"], stands.metadata["source"]))

    for given in ({"seen": ["question"]}, None, {"seen": ["again"]}):
        await graph.ainvoke(given, config, durability="sync")
        await look()
        waiting = {each.value: each.id for each in (await graph.aget_state(config)).interrupts}
        for who in sorted(waiting):
            await graph.ainvoke(Command(resume={waiting[who]: f"hi {who}"}), config, durability="sync")
            await look()
    return shown


async def test_graphs_walk_as_with_langgraphs_own_saver(db: Database) -> None:
    thread_id = await new_thread(db)
    mine = await walk(ParlorSaver(db, thread_id), thread_id)
    assert mine == await walk(InMemorySaver(), thread_id)
    assert mine[-1][0]["seen"].count("end") == 2
    assert {1, 2} in mine[0][0]["seen"]
    assert (await db.read(lambda tx: queries.size_of(tx, thread_id)))[0] == KEPT


class Differences(TypedDict):
    seen: Annotated[list[Any], DeltaChannel(lambda state, writes: [*state, *(each for write in writes for each in write)])]
    turns: int


async def test_channels_that_store_differences_keep_what_they_are_read_from(db: Database) -> None:
    thread_id = await new_thread(db)
    builder: Any = StateGraph(Differences)

    async def count(state: Differences) -> Any:
        return {"seen": [state["turns"]]}

    builder.add_node("count", count)
    builder.add_edge(START, "count")
    graph = builder.compile(checkpointer=ParlorSaver(db, thread_id))
    state: Any = None
    for turn in range(8):
        state = await graph.ainvoke({"turns": turn}, config_of(thread_id), durability="sync")
    assert state["seen"] == list(range(8))


async def test_what_a_saver_promises(db: Database) -> None:
    thread_id = await new_thread(db)
    saver, ids = ParlorSaver(db, thread_id), list[str]()
    config: Any = config_of(thread_id)
    assert await saver.aget_tuple(config) is None
    for step in range(5):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"step": step}
        config = await saver.aput(config, checkpoint, {"source": "loop", "step": step}, {})
        ids.append(checkpoint["id"])
    await saver.aput_writes(config, [("a", 1), ("b", 2)], "task", "~path")
    await saver.aput_writes(config, [("a", 99), ("__interrupt__", "first")], "task", "~path")
    await saver.aput_writes(config, [("__interrupt__", "second")], "task", "~path")
    newest = await saver.aget_tuple(config_of(thread_id))
    assert newest is not None
    assert (newest.checkpoint["channel_values"], newest.metadata.get("step")) == ({"step": 4}, 4)
    assert newest.parent_config is not None
    assert newest.parent_config.get("configurable", {})["checkpoint_id"] == ids[3]
    assert newest.pending_writes == [("task", "__interrupt__", "second"), ("task", "a", 1), ("task", "b", 2)]
    assert [each.metadata.get("step") async for each in saver.alist(config_of(thread_id))] == [4, 3, 2]
    assert [each.metadata.get("step") async for each in saver.alist(config_of(thread_id), filter={"step": 3})] == [3]
    assert [each.metadata.get("step") async for each in saver.alist(None, before=config_of(thread_id, checkpoint_id=ids[4]), limit=1)] == [3]
    assert await saver.aget_tuple(config_of(thread_id, checkpoint_id=ids[0])) is None
    await saver.adelete_thread(str(thread_id))
    assert await saver.aget_tuple(config_of(thread_id)) is None


@pytest.mark.either_engine
async def test_no_name_of_a_field_becomes_sql_and_no_other_thread_is_reached(db: Database) -> None:
    thread_id, other = await new_thread(db), await new_thread(db)
    saver = ParlorSaver(db, thread_id)
    with pytest.raises(ValueError, match="cannot be filtered"):
        [each async for each in saver.alist(None, filter={"step') OR 1=1 --": 1})]
    theirs = config_of(other, checkpoint_id="x")
    for reach in (saver.aget_tuple(theirs), saver.aput_writes(theirs, [("a", 1)], "t"), saver.adelete_thread(str(other))):
        with pytest.raises(ValueError, match="only use the thread"):
            await reach
    for name in ("get_tuple", "put_writes", "delete_thread", "put", "list"):
        with pytest.raises(NotImplementedError, match="async"):
            getattr(saver, name)(*[config_of(thread_id)] * {"get_tuple": 1, "put_writes": 3, "delete_thread": 1, "put": 4, "list": 1}[name])


@pytest.mark.either_engine
async def test_what_somebody_has_put_into_the_table_is_refused(db: Database) -> None:
    """SEC-19: not run, not made into an object."""
    thread_id = await new_thread(db)
    saver = ParlorSaver(db, thread_id)
    await saver.aput(config_of(thread_id), empty_checkpoint(), {"source": "loop", "step": 1}, {})
    for kind, stored in FORGED:
        await db.write(lambda tx, kind=kind, stored=stored: tx.run(_spoil, kind=kind, stored=stored))
        with pytest.raises(Corrupt):
            await saver.aget_tuple(config_of(thread_id))


async def test_what_is_kept_of_a_person_is_exported_and_erased(db: Database) -> None:
    ann, bob = await new_account(db), await new_account(db)
    threads = [await new_thread(db, ann), await new_thread(db, ann), await new_thread(db, bob)]
    for thread_id in threads:
        saver = ParlorSaver(db, thread_id)
        config = await saver.aput(config_of(thread_id), empty_checkpoint(), {"source": "loop", "step": 1}, {})
        await saver.aput_writes(config, [("a", 1)], "task")
    data = GraphUserData(db)
    exported = [each async for each in (await data.export(ann))["threads"]]
    assert [(each["session_id"], each["agent"], each["checkpoints"]) for each in exported] == [(SESSION, "graph", 1)] * 2
    assert (await data.erase(ann), await data.erase(ann)) == (2, 0)

    def left(tx: Transaction) -> list[int]:
        return [queries.size_of(tx, thread_id)[0] for thread_id in threads]

    assert await db.read(left) == [0, 0, 1]
