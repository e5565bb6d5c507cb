from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from parlor.core.errors import Misconfigured
from parlor.tools import ExecutionContext, ToolRegistry


@dataclass
class Named:
    name: str
    description: str = "does nothing"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        return None


def test_tools_are_found_by_name_and_by_globs() -> None:
    registry = ToolRegistry([Named("github_search"), Named("github_issue"), Named("calculator")])
    assert [tool.name for tool in registry.matching(["github_*"])] == ["github_issue", "github_search"]
    assert [tool.name for tool in registry.matching(["calculator", "*_search"])] == ["calculator", "github_search"]
    assert registry.matching([]) == []
    assert registry.find("nothing") is None
    found = registry.find("calculator")
    assert found is not None
    assert found.name == "calculator"


def test_two_tools_of_one_name_stop_the_start() -> None:
    with pytest.raises(Misconfigured, match="calculator"):
        ToolRegistry([Named("calculator"), Named("calculator")])
