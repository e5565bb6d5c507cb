"""Which tools a caller is offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from parlor.core.errors import Misconfigured
from parlor.tools import ExecutionContext, NoSuchTool, Offer, ToolCaller, ToolPolicy, ToolRegistry, ToolSettings

ANN = ToolCaller(UUID(int=1))
BEN = ToolCaller(UUID(int=2), frozenset({"staff"}))


@dataclass
class Named:
    name: str
    description: str = "does nothing"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        return None


class Cupboard:
    """A source that gives some of its tools to staff alone."""

    def __init__(self, *tools: Named) -> None:
        self.late: list[Named] = []
        self.offers = [Offer(tool, "cupboard", needs_approval=tool.name.endswith("_send")) for tool in tools]

    async def offered(self, caller: ToolCaller) -> Sequence[Offer]:
        return [offer for offer in self.offers if caller.may_use(frozenset({"staff"} if "secret" in offer.tool.name else ()))]

    async def settle(self) -> None:
        self.offers += [Offer(tool, "cupboard") for tool in self.late]
        self.late.clear()


def _registry(*offered: Any, **policy: Any) -> ToolRegistry:
    return ToolRegistry(offered, ToolPolicy(ToolSettings(**policy)))


async def test_tools_are_found_by_name_and_by_globs() -> None:
    box = await _registry(Named("github_search"), Named("github_issue"), Named("calculator")).toolbox(ANN)
    assert [offer.tool.name for offer in box.matching(["github_*"])] == ["github_issue", "github_search"]
    assert [offer.tool.name for offer in box.matching(["calculator", "*_search"])] == ["calculator", "github_search"]
    assert box.matching([]) == []
    assert box.find("nothing") is None
    assert box.exactly("calculator").tool.name == "calculator"
    assert [offer.tool.name for offer in box.chosen(["*"])] == box.names
    with pytest.raises(NoSuchTool, match="calculator, github_issue, github_search"):
        box.chosen(["calculator", "gitlab_*"])
    with pytest.raises(NoSuchTool):
        box.exactly("gitlab")


def test_two_tools_of_one_name_stop_the_start() -> None:
    with pytest.raises(Misconfigured, match="calculator"):
        _registry(Named("calculator"), Named("calculator"))


async def test_a_source_offers_each_caller_their_own() -> None:
    registry = _registry(Named("calculator"), Cupboard(Named("mail_read"), Named("mail_secret")))
    assert (await registry.toolbox(ANN)).names == ["calculator", "mail_read"]
    assert (await registry.toolbox(BEN)).names == ["calculator", "mail_read", "mail_secret"]
    assert (await registry.toolbox(ToolCaller(UUID(int=3), is_unlimited=True))).names == ["calculator", "mail_read", "mail_secret"]


async def test_the_same_tools_are_the_same_toolbox_until_they_change() -> None:
    cupboard = Cupboard(Named("mail_read"))
    registry = _registry(Named("calculator"), cupboard)
    box = await registry.toolbox(ANN)
    assert await registry.toolbox(BEN) is box
    cupboard.offers.append(Offer(Named("mail_list"), "cupboard"))
    assert (await registry.toolbox(ANN)).names == ["calculator", "mail_list", "mail_read"]


async def test_no_source_can_stand_in_for_a_built_in_tool() -> None:
    ours, theirs = Named("calculator", "ours"), Named("calculator", "theirs")
    box = await _registry(Cupboard(theirs), ours).toolbox(ANN)
    assert box.exactly("calculator").tool is ours


async def test_what_is_denied_is_not_there() -> None:
    registry = _registry(Named("github_read"), Named("github_write"), policy={"github_*": "deny", "github_read": "ask"}, group_policy={"staff": {"*": "allow"}})
    assert (await registry.toolbox(ANN)).names == ["github_read"]
    assert (await registry.toolbox(BEN)).names == ["github_read", "github_write"]


@pytest.mark.parametrize(
    ("caller", "agent", "tool", "expected"),
    [
        (ANN, {}, "github_read", "allow"),
        (ANN, {}, "github_send", "ask"),
        (ANN, {}, "mail_read", "ask"),
        (BEN, {}, "mail_read", "allow"),
        (ANN, {"mail_*": "allow"}, "mail_read", "ask"),
        (ANN, {"*": "ask"}, "github_read", "ask"),
        (BEN, {"mail_r*": "deny", "mail_*": "allow"}, "mail_read", "deny"),
        (ANN, {"mail_?ead": "allow", "mail_rea?": "deny"}, "mail_read", "deny"),
    ],
)
def test_the_longest_glob_decides_and_an_agent_can_only_be_stricter(caller: ToolCaller, agent: Any, tool: str, expected: str) -> None:
    policy = ToolPolicy(ToolSettings(policy={"mail_*": "ask", "*": "allow"}, group_policy={"staff": {"mail_*": "allow"}}))
    (offer,) = Cupboard(Named(tool)).offers
    assert policy.decide(offer, caller, agent) == expected


async def test_a_tool_that_is_named_before_its_source_has_looked_is_waited_for() -> None:
    cupboard = Cupboard(Named("mail_read"))
    cupboard.late.append(Named("mail_list"))
    registry = _registry(Named("calculator"), cupboard)
    assert (await registry.having("mail_read", ANN)).tool.name == "mail_read"
    assert (await registry.toolbox(ANN)).names == ["calculator", "mail_read"], "nobody has waited"
    assert (await registry.having("mail_list", ANN)).tool.name == "mail_list"
    with pytest.raises(NoSuchTool, match="mail_list"):
        await registry.having("mail_write", ANN)
