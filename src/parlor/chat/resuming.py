"""Answers to what a turn asks a person: the last one sets it going again, on whichever server it was given to."""

from typing import Any
from uuid import UUID

import structlog

from parlor.accounts import AccountDirectory
from parlor.agents import FREE, Agent, AgentRegistry, AgentRunner, Assignment, RunState
from parlor.chat import message_queries, session_queries
from parlor.chat.compaction import Compaction
from parlor.chat.errors import NoSuchSession
from parlor.chat.memory import Memory, Past
from parlor.chat.settings import ChatSettings
from parlor.chat.summary import Summary
from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError
from parlor.llm import Model, ModelAccess, ModelParams, ModelRegistry, Usage
from parlor.tools import ArgumentCheck, Toolbox, ToolCaller, ToolRegistry
from parlor.turns import AnswerBook, BadAnswer, Ending, GivenAnswer, MemoryCompacted, NewTurn, Paused, Resumable, RunningTurn, TurnEngine, questions_waiting_for
from parlor.wallet import PriceBook, WalletService

logger = structlog.get_logger("parlor.chat")


class Resumption:
    def __init__(
        self,
        db: Database,
        directory: AccountDirectory,
        answers: AnswerBook,
        engine: TurnEngine,
        wallet: WalletService,
        agents: AgentRegistry,
        models: ModelRegistry,
        prices: PriceBook,
        tools: ToolRegistry,
        check: ArgumentCheck,
        runner: AgentRunner,
        settings: ChatSettings,
        compaction: Compaction,
    ) -> None:
        self._db = db
        self._directory = directory
        self._answers = answers
        self._engine = engine
        self._wallet = wallet
        self._agents = agents
        self._models = models
        self._prices = prices
        self._tools = tools
        self._check = check
        self._runner = runner
        self._settings = settings
        self._compaction = compaction

    async def answer(self, turn_id: UUID, question_id: UUID, answer: GivenAnswer, caller: ToolCaller) -> None:
        """Raises NoSuchTurn, NoSuchQuestion, BadAnswer, QuestionClosed, and what keeps a turn from going on, such as InsufficientFunds.

        Whatever is raised, the question waits on.
        """
        self._engine.admit(caller.account_id)
        turn, question = await self._db.read(lambda tx: self._answers.find(tx, turn_id, question_id, caller.account_id))
        toolbox = await self._tools.toolbox(caller)
        await self._refuse_what_does_not_fit(question, answer, toolbox)
        await self._prices.fresh()
        model = await self._models.find(turn.model, ModelAccess(caller.groups, caller.is_unlimited))
        agent = await self._agents.find(turn.agent, caller, toolbox)

        def take(tx: Transaction) -> None:
            """Locks in the order session, turn and its questions, wallet, as the end of a turn does."""
            session = session_queries.use_session(tx, turn.session_id, caller.account_id, added=0)
            if session is None:
                raise NoSuchSession()
            resumable = self._answers.answer(tx, turn_id, question, answer)
            if resumable is not None:
                self._go_on(tx, session, resumable, model, agent, caller)

        await self._db.write(take)

    async def signed_in(self, account_id: UUID, key: str) -> None:
        """This account has signed in where questions with this key lead to: they are answered with that, and their turns go on."""
        account, waiting = await self._db.read(lambda tx: (self._directory.find(tx, account_id), questions_waiting_for(tx, account_id, "signin")))
        if account is None or account.status != "active":
            return
        caller = ToolCaller(account_id, frozenset(account.groups), account.is_active_admin)
        for row in waiting:
            if row.key != key and not row.key.startswith(f"{key}:"):
                continue
            try:
                await self.answer(row.turn_id, row.id, GivenAnswer("approve"), caller)
            except ParlorError as error:
                logger.warning("turn.not_resumed", turn_id=str(row.turn_id), error=error.code)  # the person can still answer it themselves

    async def _refuse_what_does_not_fit(self, question: Any, answer: GivenAnswer, toolbox: Toolbox) -> None:
        if answer.decision == "edit":
            if question.kind != "approval" or answer.arguments is None:
                raise BadAnswer("Only a call that waits for approval can be edited, with `arguments`. The question waits on.")
            offer = toolbox.find(question.tool)
            problem = None if offer is None else await self._check.problem_of(offer.tool, answer.arguments)
        elif answer.arguments is not None:
            problem = "arguments go with the decision `edit`"
        elif question.kind == "form" and answer.decision == "approve":
            problem = "a form needs `form`" if answer.form is None else await self._check.problem(question.schema or {}, answer.form)
        else:
            problem = "this question has no form" if answer.form is not None else None
        if problem is not None:
            raise BadAnswer(f"{problem[0].upper()}{problem[1:]}. The question waits on.")

    def _go_on(self, tx: Transaction, session: Any, resumable: Resumable, model: Model, agent: Agent, caller: ToolCaller) -> None:
        row, state = resumable.turn, RunState.decode(resumable.state)
        memory = self._memory(tx, session, resumable, model.context_tokens - agent.overhead_tokens - state.max_output_tokens)
        prompt_tokens = agent.overhead_tokens + memory.tokens + state.tokens
        next_step = Usage(prompt_tokens, state.max_output_tokens)
        hold_micros = max(resumable.bill.cost_micros_with(offer, next_step) for offer in state.offers)
        turn = NewTurn(
            id=row.id,
            account_id=row.account_id,
            session_id=row.session_id,
            question_id=row.question_id,
            answer_id=row.answer_id,
            agent=row.agent,
            model=row.model,
            price=resumable.price,
            prompt_tokens_estimate=prompt_tokens,
            hold_micros=hold_micros,
        )

        async def work(running: RunningTurn) -> Ending | Paused:
            history, params = memory.messages, ModelParams(**state.params)
            given = (agent, model, history, params, prompt_tokens, state.max_output_tokens, state.offers, caller, state, resumable.questions)
            assignment = Assignment(*given, memory=memory.prompt, history_text=memory.text_for(agent), is_free=all(each.price == FREE for each in state.offers))
            return await self._runner.run(running, assignment)

        self._engine.resume(tx, turn, row.epoch, resumable.earlier, work)
        self._wallet.extend(tx, turn_id=row.id, amount_micros=hold_micros)

    def _memory(self, tx: Transaction, session: Any, resumable: Resumable, room_tokens: int) -> Memory:
        """As it was before the pause: what the turn has summarised is in its log."""
        asked = message_queries.find_message(tx, session.id, resumable.turn.question_id)
        rows = message_queries.path_to(tx, session.id, asked, is_branched=session.is_branched, most=2 * self._settings.history_pairs + 1)
        made = [Summary.of_event(event) for _, event in resumable.earlier if isinstance(event, MemoryCompacted)]
        return self._compaction.remember(Past.of(rows, made[-1] if made else None), room_tokens)
