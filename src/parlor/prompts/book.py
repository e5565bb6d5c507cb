"""The rules of customization: who may write what over which prompt, and what comes of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.idempotency import Idempotency, check_key, hash_of
from parlor.core.ids import new_id
from parlor.prompts import queries
from parlor.prompts.composing import BasePrompt, EffectivePrompt, Layer, compose
from parlor.prompts.customization import Customization, Draft, Stamp, Written
from parlor.prompts.errors import LayerTooLarge, NoSuchCustomization, NotCustomizable, SlotLocked, TooManyLayers
from parlor.prompts.events import PromptCustomizationRemoved, PromptCustomized
from parlor.prompts.settings import PromptsSettings

NEWEST = UUID(int=2**128 - 1)
_ROUTE = "prompts.customizations"


class RequestKey(msgspec.Struct, frozen=True):
    """An Idempotency-Key, and the hash of the body that it came with."""

    text: str
    body_hash: bytes

    @classmethod
    def of(cls, key: str, body: Any) -> "RequestKey":
        """`body` as JSON values. Raises BadIdempotencyKey."""
        return cls(check_key(key), hash_of(body))


class PromptBook:
    """Everything is scoped to the account: what is somebody else's is not there."""

    def __init__(self, db: Database, events: Events, idempotency: Idempotency, settings: PromptsSettings) -> None:
        self._db = db
        self._events = events
        self._idempotency = idempotency
        self._settings = settings
        self._listeners: list[Callable[[UUID, str], None]] = []

    def on_change(self, fn: Callable[[UUID, str], None]) -> None:
        """`fn(account_id, agent_name)` runs on the loop after a change that this process has made is committed. Of others' changes `stamp` tells."""
        self._listeners.append(fn)

    async def create(self, account_id: UUID, base: BasePrompt, draft: Draft, key: RequestKey | None = None) -> Written:
        """Raises NotCustomizable, SlotLocked, LayerTooLarge, TooManyLayers; with a key IdempotencyMismatch and KeyInProgress."""

        def create(tx: Transaction) -> Written:
            made_id = new_id()
            if key is not None:
                claim = self._idempotency.claim(tx, account_id, key.text, route=_ROUTE, body_hash=key.body_hash, result=str(made_id))
                if not claim.is_new:
                    return Written(_found(queries.find(tx, account_id, UUID(claim.result))), is_repeat=True)
            self._check(base, draft)
            self._check_room(tx, account_id, base.agent_name)
            made = queries.add(tx, account_id, id=made_id, **_columns(base, draft))
            self._changed(tx, made)
            return Written(made)

        return await self._db.write(create)

    async def update(self, account_id: UUID, customization_id: UUID, base: BasePrompt, draft: Draft) -> Customization:
        """As a whole, over the prompt as it is now; it may move to another agent. Raises NoSuchCustomization, and what `create` raises."""

        def change(tx: Transaction) -> Customization:
            before = _found(queries.find(tx, account_id, customization_id))
            self._check(base, draft)
            if before.agent_name != base.agent_name:
                self._check_room(tx, account_id, base.agent_name, moving=True)
            changed = _found(queries.change(tx, account_id, customization_id, **_columns(base, draft)))
            self._changed(tx, changed)
            if before.agent_name != base.agent_name:
                self._tell(tx, account_id, [before.agent_name])
            return changed

        return await self._db.write(change)

    async def delete(self, account_id: UUID, customization_id: UUID) -> None:
        """Raises NoSuchCustomization."""

        def delete(tx: Transaction) -> None:
            agent_name = queries.remove(tx, account_id, customization_id)
            if agent_name is None:
                raise NoSuchCustomization
            self._events.record(tx, PromptCustomizationRemoved(account_id=account_id, customization_id=customization_id, agent_name=agent_name))
            self._tell(tx, account_id, [agent_name])

        await self._db.write(delete)

    async def erase(self, account_id: UUID) -> int:
        """All of the account's; how many there were."""

        def erase(tx: Transaction) -> int:
            agent_names = queries.remove_all(tx, account_id)
            self._tell(tx, account_id, set(agent_names))
            return len(agent_names)

        return await self._db.write(erase, bulk=True)

    async def get(self, account_id: UUID, customization_id: UUID) -> Customization:
        """Raises NoSuchCustomization."""
        return _found(await self._db.read(lambda tx: queries.find(tx, account_id, customization_id)))

    async def list(self, account_id: UUID, agent_name: str | None = None, *, before: UUID | None = None, most: int) -> Sequence[Customization]:
        """The newest first, inactive ones too."""
        return await self._db.read(lambda tx: queries.page(tx, account_id, agent_name, before or NEWEST, most))

    async def layers(self, account_id: UUID, agent_name: str) -> Sequence[Layer]:
        """The active ones."""
        return [each.layer for each in await self._db.read(lambda tx: queries.active(tx, account_id, agent_name))]

    def stamp(self, tx: Transaction, account_id: UUID, agent_name: str) -> Stamp:
        """Equal exactly as long as `layers` are the same: a small look for whoever keeps what was composed of them."""
        return queries.stamp(tx, account_id, agent_name)

    def compose(self, base: BasePrompt, layers: Iterable[Layer]) -> EffectivePrompt:
        return compose(base, layers)

    def _check(self, base: BasePrompt, draft: Draft) -> None:
        if not base.is_customizable:
            raise NotCustomizable
        if draft.slot is not None and draft.slot in base.locked_slots:
            raise SlotLocked(draft.slot)
        if len(draft.content) > self._settings.layer_most_chars:
            raise LayerTooLarge(self._settings.layer_most_chars)

    def _check_room(self, tx: Transaction, account_id: UUID, agent_name: str, *, moving: bool = False) -> None:
        in_all, of_agent = queries.count(tx, account_id, agent_name)
        if of_agent >= self._settings.layers_most:
            raise TooManyLayers(of_agent, " over this agent")
        if in_all >= self._settings.account_layers_most and not moving:
            raise TooManyLayers(in_all)

    def _changed(self, tx: Transaction, now: Customization) -> None:
        happened = PromptCustomized(
            account_id=now.account_id, customization_id=now.id, agent_name=now.agent_name, mode=now.mode, is_active=now.is_active
        )  # fmt: skip
        self._events.record(tx, happened)
        self._tell(tx, now.account_id, [now.agent_name])

    def _tell(self, tx: Transaction, account_id: UUID, agent_names: Iterable[str]) -> None:
        for agent_name in agent_names:
            for listener in self._listeners:
                tx.after_commit(lambda agent_name=agent_name, listener=listener: listener(account_id, agent_name))


def _found(customization: Customization | None) -> Customization:
    if customization is None:
        raise NoSuchCustomization
    return customization


def _columns(base: BasePrompt, draft: Draft) -> dict[str, object]:
    return {
        "agent_name": base.agent_name,
        "mode": draft.mode,
        "slot": draft.slot,
        "content": draft.content,
        "priority": draft.priority,
        "is_active": draft.is_active,
        "base_version": base.version,
    }
