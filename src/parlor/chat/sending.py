"""T1: a question is saved, credit is held and a turn begins, in one transaction; then the agent runs it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from parlor.agents import FREE, Agent, AgentRegistry, AgentRunner, Assignment, UnknownAgent
from parlor.chat import message_queries, session_queries
from parlor.chat.compaction import Compaction
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.history import tokens_of
from parlor.chat.memory import Past
from parlor.chat.questions import title_of
from parlor.chat.settings import ChatSettings
from parlor.chat.summary import Summary, summary_of
from parlor.chat.turn_limit import TurnLimit
from parlor.core.db import Database, Transaction
from parlor.core.errors import RateLimited
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id
from parlor.llm import EVERYBODY, Model, ModelAccess, ModelParams, ModelRegistry, Offer, PromptTooLong, UnknownModel, offers_of
from parlor.tools import Toolbox, ToolCaller, ToolRegistry
from parlor.turns import Ending, NewTurn, Paused, RunningTurn, TurnEngine
from parlor.wallet import HoldFor, PriceBook, WalletService

ROUTE = "sessions.messages"


class Key(msgspec.Struct, frozen=True):
    """An Idempotency-Key and the hash of the body it came with."""

    key: str
    body_hash: bytes


class Question(msgspec.Struct, frozen=True):
    """What somebody asks. `parent_id` says after which message: None with `is_root` is a new beginning, None without is the newest message.

    With `again` nothing is asked anew: it is the answer (a message id) to be generated once more, beside the old one.
    """

    account_id: UUID
    session_id: UUID
    text: str = ""
    parent_id: UUID | None = None
    is_root: bool = False
    again: UUID | None = None
    agent: str | None = None
    model: str | None = None
    params: ModelParams = msgspec.field(default_factory=ModelParams)
    is_free: bool = False
    """The operator's own, at the command line."""
    api_key_id: UUID | None = None
    """The key that it came with, whose budget it counts against."""
    access: ModelAccess = EVERYBODY
    """Which models may answer, at this moment: those that a session names are looked at again."""

    @property
    def caller(self) -> ToolCaller:
        """For whom tools are run."""
        return ToolCaller(self.account_id, self.access.groups, self.access.is_unlimited)


class Sent(msgspec.Struct, frozen=True):
    """What came of it. `is_replay` when an earlier request with the same key had asked already."""

    turn_id: UUID
    question_id: UUID
    is_replay: bool = False


class _UnknownModel(Exception):
    """T1 met a model that must be looked up first: that may wait for a provider, and nothing waits inside a transaction."""

    def __init__(self, name: str | None, *, is_agents: bool) -> None:
        self.name = name
        self.is_agents = is_agents
        super().__init__(name)


class _AgentNotReady(Exception):
    """T1 met an agent that must be made ready, or looked at, first."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        super().__init__(name)


class _Found(msgspec.Struct, frozen=True):
    """What was looked up for one question, by the name that it was asked for with."""

    toolbox: Toolbox
    models: dict[str | None, Model] = msgspec.field(default_factory=dict[str | None, Model])
    agents: dict[str | None, Agent] = msgspec.field(default_factory=dict[str | None, Agent])


class _Asked(msgspec.Struct, frozen=True):
    """The new question as a row of the history."""

    role: str
    text: str
    tokens: int
    parent_id: UUID | None
    parts: None = None


class Sender:
    def __init__(
        self,
        db: Database,
        engine: TurnEngine,
        wallet: WalletService,
        idempotency: Idempotency,
        agents: AgentRegistry,
        models: ModelRegistry,
        prices: PriceBook,
        tools: ToolRegistry,
        runner: AgentRunner,
        settings: ChatSettings,
        limit: TurnLimit,
        compaction: Compaction,
    ) -> None:
        self._db = db
        self._limit = limit
        self._engine = engine
        self._wallet = wallet
        self._idempotency = idempotency
        self._agents = agents
        self._models = models
        self._prices = prices
        self._tools = tools
        self._runner = runner
        self._settings = settings
        self._compaction = compaction

    async def send(self, question: Question, key: Key | None = None) -> Sent:
        """Refuses before anything is saved: NoSuchSession, NoSuchMessage, TurnInProgress, InsufficientFunds, UnknownAgent, UnknownModel, IdempotencyMismatch,
        RateLimited.

        The same key and body again give the same turn, also while it runs, and also when a new turn would be refused.
        """
        if key is not None and (replay := await self._replay(question, key)) is not None:
            return replay
        self._engine.admit(question.account_id)
        written = None if key is None else key.key
        try:
            await self._limit.take(question.account_id, written, is_free=question.is_free)
        except RateLimited:
            # Looked up again: the first request with this key may have come to its end since.
            if key is None or (replay := await self._replay(question, key)) is None:
                raise
            return replay
        with self._limit.on_its_way(question.account_id, written):
            return await self._begin(question, key)

    async def _begin(self, question: Question, key: Key | None) -> Sent:
        await self._prices.fresh()
        found = _Found(await self._tools.toolbox(question.caller))
        while True:
            try:
                return await self._db.write(lambda tx: self._t1(tx, question, key, found))
            except _UnknownModel as unknown:
                found.models[unknown.name] = await self._look_up(unknown, question.access)
            except _AgentNotReady as not_ready:
                found.agents[not_ready.name] = await self._agents.find(not_ready.name, question.caller, found.toolbox)

    async def _look_up(self, unknown: _UnknownModel, access: ModelAccess) -> Model:
        """An agent whose model is kept for others is not for this asker either, and its model's name is not theirs to know."""
        try:
            return await self._models.find(unknown.name, access)
        except UnknownModel:
            if unknown.is_agents and unknown.name is not None and await self._models.is_kept(unknown.name):
                raise UnknownAgent() from None
            raise

    async def _replay(self, question: Question, key: Key) -> Sent | None:
        found = await self._db.read(lambda tx: self._idempotency.find(tx, question.account_id, key.key, route=ROUTE, body_hash=key.body_hash))
        return None if found is None else _replayed(found.result)

    def _t1(self, tx: Transaction, question: Question, key: Key | None, found: _Found) -> Sent:
        """Locks in the order key, session, turn, wallet."""
        turn_id, answer_id, question_id = new_id(), new_id(), new_id()
        earlier = None
        if question.again is not None:
            question_id, earlier = _question_of(tx, question.session_id, question.again, question.account_id)
        if key is not None:
            result = {"turn_id": str(turn_id), "message_id": str(question_id)}
            claim = self._idempotency.claim(tx, question.account_id, key.key, route=ROUTE, body_hash=key.body_hash, result=result)
            if not claim.is_new:
                return _replayed(claim.result)
        session, rows = self._save(tx, question, question_id, turn_id)
        parent_id = rows[1].id if len(rows) > 1 else None
        agent = self._agent(question.agent or session.agent, question.caller, found)
        model = self._model(question.model or session.model, agent.definition.model, question.access, found.models)
        params = question.params.over(agent.params)
        max_output_tokens = min(model.max_output_tokens, params.max_tokens or self._settings.default_max_output_tokens)
        room_tokens = model.context_tokens - agent.overhead_tokens - max_output_tokens
        if rows[0].tokens > room_tokens:
            raise PromptTooLong(tokens=rows[0].tokens, most_tokens=room_tokens)
        past = Past.of(rows, earlier)
        memory = self._compaction.remember(past, room_tokens)
        plan = self._compaction.plan(past, memory, room_tokens)
        prompt_tokens = agent.overhead_tokens + (memory.tokens if plan is None else plan.tokens)
        offers = tuple(Offer(each.model, FREE) if question.is_free else each for each in offers_of(model))
        turn = NewTurn(
            id=turn_id,
            account_id=question.account_id,
            session_id=question.session_id,
            question_id=question_id,
            answer_id=answer_id,
            agent=agent.name,
            model=model.name,
            price=offers[0].price,
            prompt_tokens_estimate=prompt_tokens,
            hold_micros=max(offer.price.cost_micros(prompt_tokens, max_output_tokens) for offer in offers),
        )

        async def work(running: RunningTurn) -> Ending | Paused:
            if isinstance(earlier, Summary):
                running.emit(earlier.as_event())
            given = (agent, model, memory.messages, params, prompt_tokens, max_output_tokens, offers, question.caller)
            assignment = Assignment(*given, is_free=question.is_free, memory=memory.prompt, history_text=memory.text_for(agent), parent_id=parent_id)
            return await self._runner.run(running, assignment if plan is None else await self._compaction.in_turn(running, assignment, plan))

        self._engine.create(tx, turn, work)
        what = HoldFor(model=model.name, agent=agent.name, session_id=question.session_id, api_key_id=question.api_key_id)
        self._wallet.hold(tx, question.account_id, turn.hold_micros, turn_id=turn_id, for_=what)
        return Sent(turn_id, question_id)

    def _agent(self, name: str | None, caller: ToolCaller, found: _Found) -> Agent:
        agent = found.agents.get(name) or self._agents.known(name, caller, found.toolbox)
        if agent is None:
            raise _AgentNotReady(name)
        return agent

    def _model(self, chosen: str | None, agents: str | None, access: ModelAccess, found: dict[str | None, Model]) -> Model:
        name = chosen or agents
        model = found.get(name) or self._models.known(name, access)
        if model is None:
            raise _UnknownModel(name, is_agents=chosen is None)
        return model

    def _save(self, tx: Transaction, question: Question, question_id: UUID, turn_id: UUID) -> tuple[Any, Sequence[Any]]:
        """The session, and the history that ends with the question, newest first. A question that is asked again is there already."""
        is_new = question.again is None
        session = session_queries.use_session(tx, question.session_id, question.account_id, added=int(is_new))
        if session is None:
            raise NoSuchSession()
        most = 2 * self._settings.history_pairs + 1
        if not is_new:
            asked = message_queries.find_message(tx, session.id, question_id)
            return session, message_queries.path_to(tx, session.id, asked, is_branched=session.is_branched, most=most)
        newest = session.message_count - 1
        before = _before(tx, session, question, newest, most)
        parent = before[0] if before else None
        text = question.text
        asked = _Asked("user", text, tokens_of("user", text, None), None if parent is None else parent.id)
        message_queries.insert_message(
            tx,
            id=question_id,
            session_id=session.id,
            account_id=question.account_id,
            seq=session.message_count,
            parent_id=asked.parent_id,
            role="user",
            text=text,
            parts=None,
            tokens=asked.tokens,
            status="complete",
            turn_id=turn_id,
            usage=None,
            created_at=tx.now(),
        )
        branches = newest > 0 and (parent is None or parent.seq != newest)
        if (branches and not session.is_branched) or not session.title:
            session_queries.mark_session(tx, session.id, branches=branches, title=title_of(text))
        return session, [asked, *before][:most]


def _before(tx: Transaction, session: Any, question: Question, newest: int, most: int) -> Sequence[Any]:
    """What was said before the question on its branch, newest first: its first row is the question's parent."""
    if question.is_root or newest == 0:
        if question.parent_id is not None:
            raise NoSuchMessage()
        return ()
    parent = None
    if question.parent_id is not None:
        parent = message_queries.find_message(tx, session.id, question.parent_id)
        if parent is None:
            raise NoSuchMessage()
    if not session.is_branched:
        return message_queries.history_before(tx, session.id, newest if parent is None else parent.seq, most)
    parent = parent or message_queries.message_at(tx, session.id, newest)
    return message_queries.path_to(tx, session.id, parent, is_branched=True, most=most)


def _question_of(tx: Transaction, session_id: UUID, answer_id: UUID, account_id: UUID) -> tuple[UUID, Any]:
    """The question that this answer answers, and what the answer says of the summary. It may be the question itself: that of a turn which said nothing has no
    answer. Raises NoSuchSession, NoSuchMessage."""
    if session_queries.find_session(tx, session_id, account_id) is None:
        raise NoSuchSession()
    answer = message_queries.find_message(tx, session_id, answer_id)
    if answer is None:
        raise NoSuchMessage()
    return (answer.id, None) if answer.role == "user" else (answer.parent_id, summary_of(answer.parts))


def _replayed(result: Any) -> Sent:
    return Sent(UUID(result["turn_id"]), UUID(result["message_id"]), is_replay=True)
