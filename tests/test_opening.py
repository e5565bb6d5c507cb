"""What lives beside the requests of a server."""

import asyncio
from pathlib import Path

import pytest
from dishka import Provider, Scope

from parlor.config import load_settings
from parlor.core.errors import Misconfigured
from parlor.core.lifecycle import Residents
from parlor.module import discover
from parlor.opening import running_house
from parlor.testing import WAIT_SECONDS


async def test_residents_begin_with_the_announcement_and_end_with_the_house(tmp_path: Path) -> None:
    lives, is_over = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("this one cannot live here")

    async def live() -> None:
        lives.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_over.set()

    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: Residents().adding("fails", fail).adding("lives", live), provides=Residents, override=True)
    settings = load_settings(discover(), {}, tmp_path, overrides={"data_dir": str(tmp_path / "data"), "log.level": "error"})
    async with running_house(settings, overrides=[provider]) as house:
        assert not lives.is_set()
        await house.announce("http://127.0.0.1:1")
        await asyncio.wait_for(lives.wait(), WAIT_SECONDS)
        assert not is_over.is_set()
    assert is_over.is_set()


async def test_a_server_does_not_start_with_an_mcp_file_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text('{"mcpServers": {"github": {"command": "no-such-program-here"}, "web": {"urll": ""}}}')
    settings = load_settings(discover(), {}, tmp_path, overrides={"data_dir": str(tmp_path / "data")})
    with pytest.raises(Misconfigured) as refused:
        async with running_house(settings):
            pass
    assert [(str(tmp_path / "mcp.json") in line, "'github'" in line, "'web'" in line) for line in refused.value.detail.split("\n")] == [
        (True, True, False),
        (True, False, True),
    ]
