"""LangGraph's checkpoints in our database: one saver for one thread, which can reach no other."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NoReturn, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
    writes_sort_key,
)

from parlor.agents.langgraph import queries
from parlor.agents.langgraph.serializer import AllowListSerializer
from parlor.core.db import Database, Transaction

KEPT = 3
"""Checkpoints of a namespace: a graph goes on from its newest, whose writes have the interrupts that wait."""

FILTERS = frozenset({"source", "step", "run_id"})
"""What checkpoints may be filtered by. They are compared here: no name of a field ever becomes SQL."""


class ParlorSaver(BaseCheckpointSaver[str]):
    """Only asynchronous, as all of Parlor. Raises ValueError for any other thread than its own."""

    def __init__(self, db: Database, thread_id: UUID) -> None:
        super().__init__(serde=AllowListSerializer())
        self._db = db
        self._thread_id = thread_id

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        namespace, checkpoint_id = self._place(config)
        return await self._db.read(lambda tx: self._found(tx, namespace, checkpoint_id))

    async def alist(
        self, config: RunnableConfig | None, *, filter: dict[str, Any] | None = None, before: RunnableConfig | None = None, limit: int | None = None
    ) -> AsyncIterator[CheckpointTuple]:
        """Newest first. Raises ValueError for a filter by anything but FILTERS."""
        wanted = filter or {}
        if unknown := wanted.keys() - FILTERS:
            raise ValueError(f"checkpoints cannot be filtered by {sorted(unknown)}")
        namespace, exactly = (None, None) if config is None else self._place(config)
        if config is not None and "checkpoint_ns" not in config.get("configurable", {}):
            namespace = None
        end = None if before is None else self._place(before)[1]
        found = await self._db.read(lambda tx: [self._tuple(tx, row) for row in queries.checkpoints_of(tx, self._thread_id)])
        for each in found:
            configurable = each.config.get("configurable", {})
            checkpoint_id = configurable["checkpoint_id"]
            if namespace not in (None, configurable["checkpoint_ns"]) or exactly not in (None, checkpoint_id) or (end is not None and checkpoint_id >= end):
                continue
            if any(each.metadata.get(name) != value for name, value in wanted.items()):
                continue
            if limit is not None and limit <= 0:
                return
            limit = None if limit is None else limit - 1
            yield each

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:  # fmt: skip
        namespace, parent_id = self._place(config)
        kind, stored = self.serde.dumps_typed(checkpoint)
        _, about = self.serde.dumps_typed(get_checkpoint_metadata(config, metadata))
        values = {"checkpoint_id": checkpoint["id"], "parent_id": parent_id, "type": kind, "checkpoint": stored, "checkpoint_metadata": about}
        keep = KEPT + _differences(metadata)
        await self._db.write(lambda tx: queries.put_checkpoint(tx, self._thread_id, keep=keep, namespace=namespace, **values))
        return self._config(namespace, checkpoint["id"])

    async def aput_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:
        namespace, checkpoint_id = self._place(config)
        task = {"namespace": namespace, "checkpoint_id": checkpoint_id, "task_id": task_id, "task_path": task_path}
        rows: list[dict[str, Any]] = []
        for at, (channel, value) in enumerate(writes):
            kind, stored = self.serde.dumps_typed(value)
            rows.append({**task, "at": WRITES_IDX_MAP.get(channel, at), "channel": channel, "type": kind, "value": stored})

        def put(tx: Transaction) -> None:
            for row in rows:
                queries.put_write(tx, self._thread_id, **row)

        await self._db.write(put)

    async def adelete_thread(self, thread_id: str) -> None:
        self._check(thread_id)
        await self._db.write(lambda tx: queries.drop_thread(tx, self._thread_id))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Ever longer, so that later versions compare as larger."""
        return f"{(0 if current is None else int(current)) + 1:032}"

    def get_tuple(self, config: RunnableConfig) -> NoReturn:
        raise _not_here("aget_tuple")

    def list(self, config: RunnableConfig | None, **more: Any) -> Iterator[CheckpointTuple]:
        raise _not_here("alist")

    def put(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions) -> NoReturn:
        raise _not_here("aput")

    def put_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> NoReturn:
        raise _not_here("aput_writes")

    def delete_thread(self, thread_id: str) -> NoReturn:
        raise _not_here("adelete_thread")

    def _found(self, tx: Transaction, namespace: str, checkpoint_id: str | None) -> CheckpointTuple | None:
        row = queries.find_checkpoint(tx, self._thread_id, namespace, checkpoint_id)
        return None if row is None else self._tuple(tx, row)

    def _tuple(self, tx: Transaction, row: Any) -> CheckpointTuple:
        rows = sorted(
            queries.writes_of(tx, self._thread_id, row.namespace, row.checkpoint_id), key=lambda each: writes_sort_key(each.task_path, each.task_id, each.at)
        )
        return CheckpointTuple(
            self._config(row.namespace, row.checkpoint_id),
            self.serde.loads_typed((row.type, row.checkpoint)),
            self.serde.loads_typed((row.type, row.checkpoint_metadata)),
            None if row.parent_id is None else self._config(row.namespace, row.parent_id),
            [(each.task_id, each.channel, self.serde.loads_typed((each.type, each.value))) for each in rows],
        )

    def _place(self, config: RunnableConfig) -> tuple[str, Any]:
        """`(namespace, checkpoint id)`; the id may be None, which is the newest."""
        configurable = config.get("configurable", {})
        self._check(configurable.get("thread_id"))
        return configurable.get("checkpoint_ns") or "", configurable.get("checkpoint_id")

    def _check(self, thread_id: Any) -> None:
        if str(thread_id) != str(self._thread_id):
            raise ValueError("a graph may only use the thread that Parlor gives it: leave `thread_id` out of your own configs")

    def _config(self, namespace: str, checkpoint_id: str) -> RunnableConfig:
        return {"configurable": {"thread_id": str(self._thread_id), "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}


def _not_here(name: str) -> NotImplementedError:
    return NotImplementedError(f"Parlor runs graphs asynchronously: use `{name}`, or `ainvoke` and `astream` of the graph")


def _differences(metadata: CheckpointMetadata) -> int:
    """How many older checkpoints a channel that stores differences is read from."""
    counters = cast("dict[str, Sequence[int]]", metadata.get("counters_since_delta_snapshot") or {})
    return max((steps for _, steps in counters.values()), default=0)
