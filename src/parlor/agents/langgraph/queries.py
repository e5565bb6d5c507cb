"""Every SQL statement about the threads of graphs and their checkpoints. All text that comes from outside is a bound value."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, String, Text, bindparam, delete, func, select, update

from parlor.agents.langgraph.tables import GraphCheckpoint, GraphThread, GraphWrite
from parlor.core.db import Id, Transaction, columns_of, insert, statement

_THREAD = bindparam("thread", type_=Id())
_NAMESPACE = bindparam("in_namespace", type_=Text())
_of_session = GraphThread.session_id == bindparam("session", type_=Id())
_of_account = GraphThread.account_id == bindparam("account", type_=Id())

# Threads.

_add_thread = statement(insert(GraphThread).values(columns_of(GraphThread, "id", "account_id", "session_id", "agent", "answer_id", "created_at")))


def add_thread(tx: Transaction, thread_id: UUID, account_id: UUID, session_id: UUID, agent: str) -> None:
    tx.run(_add_thread, id=thread_id, account_id=account_id, session_id=session_id, agent=agent, answer_id=None, created_at=tx.now())


_take_thread = statement(
    update(GraphThread)
    .where(_of_session, _of_account, GraphThread.agent == bindparam("of_agent", type_=String()), GraphThread.answer_id == bindparam("answer", type_=Id()))
    .values(answer_id=None)
    .returning(GraphThread.id)
)


def take_thread(tx: Transaction, session_id: UUID, account_id: UUID, agent: str, answer_id: UUID) -> UUID | None:
    """The thread of this agent that stands at this answer, which from now on stands nowhere until its turn is over."""
    row = tx.run(_take_thread, session=session_id, account=account_id, of_agent=agent, answer=answer_id).one_or_none()
    return None if row is None else row.id


_drop_others = statement(delete(GraphThread).where(_of_session, _of_account, GraphThread.id != _THREAD))


def drop_other_threads(tx: Transaction, session_id: UUID, account_id: UUID, thread_id: UUID) -> None:
    tx.run(_drop_others, session=session_id, account=account_id, thread=thread_id)


_drop_thread = statement(delete(GraphThread).where(GraphThread.id == _THREAD))


def drop_thread(tx: Transaction, thread_id: UUID) -> None:
    tx.run(_drop_thread, thread=thread_id)


_drop_of_session = statement(delete(GraphThread).where(_of_session, _of_account))


def drop_threads_of_session(tx: Transaction, session_id: UUID, account_id: UUID) -> None:
    tx.run(_drop_of_session, session=session_id, account=account_id)


_stand_at = statement(update(GraphThread).where(GraphThread.id == _THREAD).values(answer_id=bindparam("answer", type_=Id())))
_drop_inner = statement(
    delete(GraphCheckpoint).where(GraphCheckpoint.thread_id == _THREAD, GraphCheckpoint.namespace.like("%:%"))  # these name a task, which is over
)
_drop_inner_writes = statement(delete(GraphWrite).where(GraphWrite.thread_id == _THREAD, GraphWrite.namespace.like("%:%")))


def stand_at(tx: Transaction, thread_id: UUID, answer_id: UUID) -> None:
    """Its turn is over: what only that turn could have gone on from goes."""
    tx.run(_stand_at, thread=thread_id, answer=answer_id)
    tx.run(_drop_inner, thread=thread_id)
    tx.run(_drop_inner_writes, thread=thread_id)


_of_person = statement(
    select(GraphThread.id, GraphThread.session_id, GraphThread.agent, GraphThread.created_at).where(_of_account).order_by(GraphThread.id).limit(
        bindparam("most", type_=Integer())
    )
)  # fmt: skip
_of_person_after = statement(
    select(GraphThread.id, GraphThread.session_id, GraphThread.agent, GraphThread.created_at)
    .where(_of_account, GraphThread.id > bindparam("after", type_=Id()))
    .order_by(GraphThread.id)
    .limit(bindparam("most", type_=Integer()))
)


def threads_of(tx: Transaction, account_id: UUID, after: UUID | None, most: int) -> list[Any]:
    if after is None:
        return tx.run(_of_person, account=account_id, most=most).all()
    return tx.run(_of_person_after, account=account_id, after=after, most=most).all()


# Checkpoints.

_CHECKPOINT = ("thread_id", "namespace", "checkpoint_id", "parent_id", "type", "checkpoint", "checkpoint_metadata")
_new_checkpoint = insert(GraphCheckpoint).values(columns_of(GraphCheckpoint, *_CHECKPOINT))
_put_checkpoint = statement(
    _new_checkpoint.on_conflict_do_update(
        index_elements=[GraphCheckpoint.thread_id, GraphCheckpoint.namespace, GraphCheckpoint.checkpoint_id],
        set_={name: _new_checkpoint.excluded[name] for name in _CHECKPOINT[3:]},
    )
)
_in_namespace = (GraphCheckpoint.thread_id == _THREAD, GraphCheckpoint.namespace == _NAMESPACE)
_columns = tuple(GraphCheckpoint.__table__.c[name] for name in _CHECKPOINT[1:])
_by_age = GraphCheckpoint.checkpoint_id.desc()
_newest = statement(select(*_columns).where(*_in_namespace).order_by(_by_age).limit(1))
_exactly = statement(select(*_columns).where(*_in_namespace, GraphCheckpoint.checkpoint_id == bindparam("checkpoint", type_=String())))
_all = statement(select(*_columns).where(GraphCheckpoint.thread_id == _THREAD).order_by(GraphCheckpoint.namespace, _by_age))
_oldest_kept = statement(select(GraphCheckpoint.checkpoint_id).where(*_in_namespace).order_by(_by_age).limit(1).offset(bindparam("beyond", type_=Integer())))
_BEFORE = bindparam("before", type_=String())
_prune = statement(delete(GraphCheckpoint).where(*_in_namespace, GraphCheckpoint.checkpoint_id < _BEFORE))
_prune_writes = statement(delete(GraphWrite).where(GraphWrite.thread_id == _THREAD, GraphWrite.namespace == _NAMESPACE, GraphWrite.checkpoint_id < _BEFORE))


def put_checkpoint(tx: Transaction, thread_id: UUID, *, keep: int, **values: Any) -> None:
    """And forget those of its namespace that are older than the newest `keep`."""
    tx.run(_put_checkpoint, thread_id=thread_id, **values)
    namespace = values["namespace"]
    oldest = tx.run(_oldest_kept, thread=thread_id, in_namespace=namespace, beyond=keep - 1).one_or_none()
    if oldest is not None:
        tx.run(_prune, thread=thread_id, in_namespace=namespace, before=oldest.checkpoint_id)
        tx.run(_prune_writes, thread=thread_id, in_namespace=namespace, before=oldest.checkpoint_id)


def find_checkpoint(tx: Transaction, thread_id: UUID, namespace: str, checkpoint_id: str | None) -> Any | None:
    """The newest without `checkpoint_id`."""
    if checkpoint_id is None:
        return tx.run(_newest, thread=thread_id, in_namespace=namespace).one_or_none()
    return tx.run(_exactly, thread=thread_id, in_namespace=namespace, checkpoint=checkpoint_id).one_or_none()


def checkpoints_of(tx: Transaction, thread_id: UUID) -> list[Any]:
    """Newest first in each namespace. There are few: see `put_checkpoint`."""
    return tx.run(_all, thread=thread_id).all()


_WRITE = ("thread_id", "namespace", "checkpoint_id", "task_id", "at", "channel", "task_path", "type", "value")
_new_write = insert(GraphWrite).values(columns_of(GraphWrite, *_WRITE))
_KEY = [GraphWrite.thread_id, GraphWrite.namespace, GraphWrite.checkpoint_id, GraphWrite.task_id, GraphWrite.at]
_add_write = statement(_new_write.on_conflict_do_nothing())
_put_write = statement(_new_write.on_conflict_do_update(index_elements=_KEY, set_={name: _new_write.excluded[name] for name in _WRITE[5:]}))
_writes = statement(
    select(GraphWrite.task_path, GraphWrite.task_id, GraphWrite.at, GraphWrite.channel, GraphWrite.type, GraphWrite.value).where(
        GraphWrite.thread_id == _THREAD, GraphWrite.namespace == _NAMESPACE, GraphWrite.checkpoint_id == bindparam("checkpoint", type_=String())
    )
)


def put_write(tx: Transaction, thread_id: UUID, **values: Any) -> None:
    """The first of a number stays, but for those below zero, which are written over."""
    tx.run(_put_write if values["at"] < 0 else _add_write, thread_id=thread_id, **values)


def writes_of(tx: Transaction, thread_id: UUID, namespace: str, checkpoint_id: str) -> Sequence[Any]:
    """In no order: that of texts is another one in each database."""
    return tx.run(_writes, thread=thread_id, in_namespace=namespace, checkpoint=checkpoint_id).all()


_size = statement(
    select(func.count().label("checkpoints"), func.coalesce(func.sum(func.length(GraphCheckpoint.checkpoint)), 0).label("size_bytes")).where(
        GraphCheckpoint.thread_id == _THREAD
    )
)


def size_of(tx: Transaction, thread_id: UUID) -> tuple[int, int]:
    """How many checkpoints, and their bytes."""
    row = tx.run(_size, thread=thread_id).one()
    return row.checkpoints, int(row.size_bytes)
