"""What the wires need of messages beyond their text: images, the arguments of calls as objects, who a result belongs to."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parlor.llm.errors import UnsupportedInput
from parlor.llm.ports import ImagePart, ModelMessage, TextPart, ToolCall

_DATA_URL = re.compile(r"data:(?P<media_type>image/[a-z0-9.+-]{1,60});base64,(?P<data>[A-Za-z0-9+/=]+)", re.IGNORECASE)


class InlineImage(msgspec.Struct, frozen=True):
    """`data` is base64."""

    media_type: str
    data: str


def image_of(part: ImagePart) -> InlineImage | None:
    """None for an http(s) URL. Raises UnsupportedInput for what is neither that nor an image's data."""
    if found := _DATA_URL.fullmatch(part.url):
        return InlineImage(found["media_type"].lower(), found["data"])
    if part.url.startswith(("https://", "http://")):
        return None
    raise UnsupportedInput("An image is a URL that starts with https:// or data:image/...;base64, with its data in base64.")


def inline_image_of(part: ImagePart) -> InlineImage:
    """For wires whose providers fetch nothing. Raises UnsupportedInput."""
    if image := image_of(part):
        return image
    raise UnsupportedInput("This model's provider does not fetch images from URLs: send the image itself, as data:image/...;base64,...")


def text_of(message: ModelMessage) -> str:
    """For roles that are text alone. Raises UnsupportedInput when there is an image in it."""
    if any(isinstance(part, ImagePart) for part in message.parts):
        raise UnsupportedInput(f"Images can be in messages of users, and not in those of role {message.role}.")
    return "\n\n".join(part.text for part in message.content if isinstance(part, TextPart))


def system_of(messages: Sequence[ModelMessage]) -> str:
    """All system prompts as one, for wires that have a place of its own for it."""
    return "\n\n".join(text for message in messages if message.role == "system" and (text := text_of(message)))


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """As an object, which some wires demand, whatever the model wrote."""
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {"unreadable": call.arguments}


def tools_by_call(messages: Sequence[ModelMessage]) -> Mapping[str, str]:
    """The tool's name by call id, for wires whose results name the tool."""
    return {call.call_id: call.name for message in messages for call in message.tool_calls}
