"""Calling a tool oneself, with no model and no turn around it."""

import time
from collections.abc import Mapping
from typing import Any

from parlor.core.clock import Clock
from parlor.core.crypto import SecretKey, encode
from parlor.core.ids import new_id
from parlor.tools.errors import ApprovalRequired, InputNeeded
from parlor.tools.executor import ToolExecutor
from parlor.tools.policy import ToolPolicy
from parlor.tools.ports import Answered, ExecutionContext, InputRequired, Offer, ToolCaller
from parlor.tools.registry import ToolRegistry
from parlor.tools.schemas import ToolCallRead
from parlor.turns import hash_of_call

Forms = Mapping[str, Mapping[str, Any]]
"""By the key of what was asked: the filled-in form, or nothing for a sign-in that was done."""

CONFIRM_SECONDS = 600
PURPOSE = "tools.confirm"


class ReviewedCalls:
    """One call by its own caller: when the policy wants a person to look at it, that is who calls, and they say so with `confirm`."""

    def __init__(self, executor: ToolExecutor, policy: ToolPolicy, secret: SecretKey, clock: Clock) -> None:
        self._executor = executor
        self._policy = policy
        self._secret = secret
        self._clock = clock

    async def run(
        self,
        offer: Offer,
        arguments: Mapping[str, Any],
        caller: ToolCaller,
        *,
        confirm: str | None = None,
        answers: Forms | None = None,
    ) -> ToolCallRead:
        """Raises ToolDenied, ApprovalRequired, InputNeeded."""
        if self._policy.decide(offer, caller) == "ask" and not self._is_confirmed(confirm, offer, arguments, caller):
            raise ApprovalRequired(offer.tool.name, arguments, self._confirmation(offer, arguments, caller))
        given = {key: Answered(is_accepted=True, form=form or None) for key, form in (answers or {}).items()}
        context = ExecutionContext(caller, f"direct-{new_id()}", answers=given)
        began = time.monotonic()
        try:
            result = await self._executor.directly(offer, arguments, context)
        except InputRequired as needed:
            raise InputNeeded(needed.asked) from None
        return ToolCallRead(result=result.result, error=result.error, took_ms=round((time.monotonic() - began) * 1000))

    def _confirmation(self, offer: Offer, arguments: Mapping[str, Any], caller: ToolCaller) -> str:
        """Good for this caller and these arguments alone, for ten minutes."""
        until = int(self._clock.now().timestamp()) + CONFIRM_SECONDS
        return f"{until}.{self._secret.sign(PURPOSE, _signed(until, offer, arguments, caller))}"

    def _is_confirmed(self, confirm: str | None, offer: Offer, arguments: Mapping[str, Any], caller: ToolCaller) -> bool:
        until, _, signature = (confirm or "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 12) or int(until) < self._clock.now().timestamp():
            return False
        return self._secret.verify(PURPOSE, _signed(int(until), offer, arguments, caller), signature)


class DirectCalls:
    def __init__(self, registry: ToolRegistry, reviewed: ReviewedCalls) -> None:
        self._registry = registry
        self._reviewed = reviewed

    async def call(
        self, name: str, arguments: Mapping[str, Any], caller: ToolCaller, *, confirm: str | None = None, answers: Forms | None = None
    ) -> ToolCallRead:
        """Raises NoSuchTool, ToolDenied, ApprovalRequired, InputNeeded."""
        offer = await self._registry.having(name, caller)
        return await self._reviewed.run(offer, arguments, caller, confirm=confirm, answers=answers)


def _signed(until: int, offer: Offer, arguments: Mapping[str, Any], caller: ToolCaller) -> bytes:
    return f"{until}|{caller.account_id}|{encode(hash_of_call(offer.tool.name, arguments))}".encode()
