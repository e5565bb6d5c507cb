"""Which thread a run of a graph is in: one for a session, as long as the conversation goes on where it stands."""

from uuid import UUID

from parlor.agents.langgraph import queries
from parlor.agents.runs.run import AgentRun
from parlor.core.db import Database, Transaction
from parlor.core.ids import new_id


class GraphThreads:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self, run: AgentRun) -> tuple[UUID, bool]:
        """The thread, and whether it is new.

        A question that follows anything but the answer that the session's thread stands at (another branch, an edited message, an answer that broke off)
        begins a new one, and the old one is forgotten. So does a question of another agent, which has a thread of its own.
        """
        turn, thread_id = run.running.turn, new_id()
        parent_id = run.assignment.parent_id

        def take(tx: Transaction) -> tuple[UUID, bool]:
            if run.parent is not None:
                queries.add_thread(tx, thread_id, turn.account_id, turn.session_id, run.agent.name)
                return thread_id, True
            found = None if parent_id is None else queries.take_thread(tx, turn.session_id, turn.account_id, run.agent.name, parent_id)
            queries.drop_other_threads(tx, turn.session_id, turn.account_id, found or thread_id)
            if found is None:
                queries.add_thread(tx, thread_id, turn.account_id, turn.session_id, run.agent.name)
            return found or thread_id, found is None

        return await self._db.write(take)

    async def close(self, run: AgentRun, thread_id: UUID) -> None:
        """The run has answered: the thread stands at that answer now. That of an agent which was asked by another is forgotten."""
        if run.parent is None:
            await self._db.write(lambda tx: queries.stand_at(tx, thread_id, run.running.turn.answer_id))
        else:
            await self._db.write(lambda tx: queries.drop_thread(tx, thread_id))
