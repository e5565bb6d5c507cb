"""A turn whose model calls an action: it waits for the sign-in, and goes on with the caller's own connection."""

from typing import Any

import pytest

from parlor.llm import Finished, ToolCallDelta
from parlor.testing import ScriptedModel, says
from parlor.tools.composio.catalogue import Catalogue
from tests.support.composio import ComposioServer
from tests.support.house_fixtures import OpenServed
from tests.tools.composio.conftest import finish, settings_for, until

SETTINGS: dict[str, Any] = {"tools.composio.toolkits": {"github": {}}, "agents.assistant": {"tools": ["composio_github_create_*"]}}


@pytest.mark.parametrize("is_willing", [True, False])
async def test_a_turn_waits_for_the_sign_in_and_goes_on(open_served: OpenServed, composio: ComposioServer, *, is_willing: bool) -> None:
    calls = [ToolCallDelta(0, "call_0", "composio_github_create_issue", '{"title": "Hello"}'), Finished(reason="tool_calls")]
    model = ScriptedModel(calls, says("done"))
    house = await open_served(model, settings=settings_for(composio, **SETTINGS))
    catalogue = await house.get(Catalogue)
    await until(lambda: "github" in catalogue.known)
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())

    async def turn() -> dict[str, Any]:
        return (await ann.client.get(f"/turns/{turn_id}")).json()

    async def is_waiting() -> bool:
        return (await turn())["state"] == "awaiting_input"

    await until(is_waiting)
    (question,) = (await turn())["pending"]
    assert (question["kind"], question["url"].startswith(composio.base_url), composio.executed) == ("signin", True, [])
    if is_willing:
        await finish(question["url"])
    decision = {"decision": "approve" if is_willing else "reject"}
    answered = await ann.client.post(f"/turns/{turn_id}/answers/{question['id']}", json=decision)
    assert answered.status_code == 200, answered.text

    async def is_done() -> bool:
        return (await turn())["state"] == "completed"

    await until(is_done)
    (result,) = [frame.data for frame in await ann.events(turn_id) if frame.event == "tool.result"]
    if is_willing:
        assert result["result"] == {"canary": composio.only_account().canary, "echo": {"title": "Hello"}}
    else:
        assert (composio.executed, result.get("result")) == ([], None)
        assert "user" in result["error"]
    assert [spec.name for spec in model.requests[0].tools] == ["composio_github_create_issue"]
