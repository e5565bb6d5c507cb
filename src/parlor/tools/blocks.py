"""Results that are lists of blocks: texts and images, as tool servers give them."""

from typing import Any, cast


def without_images(result: Any, *, note: str) -> Any:
    """The same with a text in the place of each image: what kind it is, how large, and `note`. What is no list of blocks is left alone."""
    if not isinstance(result, list):
        return result
    blocks = cast("list[Any]", result)
    if not any(_is_image(block) for block in blocks):
        return blocks
    return [{"type": "text", "text": _described(block, note)} if _is_image(block) else block for block in blocks]


def _is_image(block: Any) -> bool:
    return isinstance(block, dict) and cast("dict[str, Any]", block).get("type") == "image" and "data" in block


def _described(block: dict[str, Any], note: str) -> str:
    """Base64 has four characters for three bytes."""
    size_bytes = len(str(block["data"])) * 3 // 4
    return f"[image: {block.get('media_type', 'of an unknown kind')}, {size_bytes} bytes, {note}]"
