"""What is kept ready for a user, where another server changes what it was made of."""

from uuid import UUID

import pytest

from parlor.agents.catalog.executor_cache import ExecutorCache
from parlor.agents.catalog.registry import FRESH_SECONDS
from parlor.core.db import Database
from parlor.core.events import Events
from parlor.core.idempotency import Idempotency
from parlor.prompts import BasePrompt, Draft, PromptBook, PromptsSettings
from parlor.testing import ScriptedModel, says
from tests.support.house_fixtures import OpenServed


@pytest.mark.either_engine
async def test_what_another_server_has_changed_counts_from_the_next_look_on(open_served: OpenServed) -> None:
    model = ScriptedModel(*(says("ok") for _ in range(3)))
    one = await open_served(model)
    others = PromptBook(await one.get(Database), await one.get(Events), await one.get(Idempotency), await one.get(PromptsSettings))  # which tells nobody here
    ann = await one.person()
    session_id = await ann.new_session()
    await ann.ask(session_id)
    await others.create(UUID(ann.id), BasePrompt("assistant", "Before."), Draft("append", "Whisper."))
    entry = (await one.get(ExecutorCache)).get(UUID(ann.id), "assistant")
    assert entry is not None
    entry.checked_at -= FRESH_SECONDS
    await ann.ask(session_id)
    assert [request.messages[0].text.endswith("Whisper.") for request in model.requests] == [False, True]
    again = (await one.get(ExecutorCache)).get(UUID(ann.id), "assistant")
    assert again is not None
    again.checked_at -= FRESH_SECONDS
    await ann.ask(session_id)
    assert (await one.get(ExecutorCache)).get(UUID(ann.id), "assistant") is again, "nothing has changed: it is kept"
