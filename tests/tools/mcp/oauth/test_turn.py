"""A turn that needs a sign-in: it waits, the browser comes back, and the answer goes on by itself with the tools that there are now."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from parlor.llm import Finished, ToolCallDelta
from parlor.testing import ScriptedModel, says
from tests.support.house_fixtures import OpenServed
from tests.support.mcp.oauth_server import OAuthServer
from tests.tools.mcp.oauth.conftest import SETTINGS


def _calls(name: str) -> list[ToolCallDelta | Finished]:
    return [ToolCallDelta(index=0, call_id=f"call_{name}", name=name, arguments="{}"), Finished(reason="tool_calls")]


async def test_a_turn_waits_for_a_sign_in_and_goes_on_when_the_browser_comes_back(
    open_served: OpenServed, server: OAuthServer, visitor: httpx2.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"notes": {"url": server.url, "auth": "oauth"}}}))
    model = ScriptedModel(_calls("notes_sign_in"), _calls("notes_whoami"), says("You are the first."))
    house = await open_served(model, settings={**SETTINGS, "agents.assistant": {"tools": ["notes_*"]}})
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(), "Who am I there?")
    (question,) = turn["pending"]
    assert (turn["state"], question["kind"], question["tool"]) == ("awaiting_input", "signin", "notes_sign_in")
    assert urlsplit(question["url"]).hostname == "127.0.0.1"

    back = await visitor.get(question["url"], follow_redirects=False)
    landed = urlsplit(back.headers["location"])
    shown = await visitor.get(f"{house.base_url}{landed.path}?{landed.query}", headers={"Accept": "text/html"})
    assert shown.status_code == 200, shown.text

    frames = await ann.events(turn["id"])
    assert [frame.event for frame in frames if frame.event.partition(".")[0] in ("tool", "question")] == [
        *("tool.called", "question.asked", "question.answered", "tool.result"),
        *("tool.called", "tool.result"),
    ]
    assert frames[-1].event == "turn.completed"
    assert [tool.name for tool in model.requests[0].tools] == ["notes_sign_in"]
    assert [tool.name for tool in model.requests[1].tools] == ["notes_whoami"]
    assert model.requests[2].messages[-1].text == "grant 0"
