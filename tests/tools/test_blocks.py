"""Images among results: kept for the person where there is room, and never read to a model as text."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from parlor.tools import ExecutionContext, ToolCaller, as_text
from parlor.tools.running import ToolRunner
from parlor.tools.settings import ToolSettings

TEXT = {"type": "text", "text": "A cat."}


def _image(size_bytes: int) -> dict[str, str]:
    return {"type": "image", "media_type": "image/png", "data": "A" * (size_bytes * 4 // 3)}


class Camera:
    name, description = "camera", "Takes a picture."
    parameters: Mapping[str, Any] = MappingProxyType({"type": "object"})

    def __init__(self, result: Any) -> None:
        self._result = result

    async def call(self, arguments: Any, context: ExecutionContext) -> Any:
        return self._result


async def _run(result: Any) -> Any:
    runner = ToolRunner(ToolSettings(result_most_bytes=10_000))
    return (await runner.run(Camera(result), {}, ExecutionContext(ToolCaller(UUID(int=1)), "call"))).result


async def test_a_small_image_is_kept_and_described_to_the_model() -> None:
    kept = await _run([TEXT, _image(300)])
    assert kept == [TEXT, _image(300)]
    assert as_text(kept, None) == '[{"type":"text","text":"A cat."},{"type":"text","text":"[image: image/png, 300 bytes, shown to the user]"}]'


async def test_a_large_image_is_left_out_and_what_was_said_with_it_stays() -> None:
    left = await _run([TEXT, _image(30_000)])
    assert left == [TEXT, {"type": "text", "text": "[image: image/png, 30000 bytes, left out, because the result is too large]"}]


async def test_what_is_too_large_without_images_is_cut() -> None:
    cut = await _run([{"type": "text", "text": "x" * 20_000}, _image(300)])
    assert cut.endswith("bytes in all]")
    assert len(cut) < 10_100


@pytest.mark.parametrize("result", ["text", 5, None, {"type": "image", "data": "x"}, [1, "a", {"type": "image"}]])
def test_other_results_are_left_alone(result: Any) -> None:
    assert "[image" not in as_text(result, None)
