"""Refusals of prompt customization."""

from parlor.core.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge


class NoSuchCustomization(NotFound):
    code = "prompts.no_such_customization"
    detail = "There is no such customization, or it is not yours."


class NotCustomizable(Forbidden):
    code = "prompts.not_customizable"
    detail = "The prompt of this agent cannot be customized: its operator has switched that off."


class SlotLocked(Invalid):
    """Carries `slot`."""

    code = "prompts.slot_locked"

    def __init__(self, slot: str = "") -> None:
        super().__init__(f"The slot {slot!r} of this agent's prompt is locked: its operator keeps it as it is.", slot=slot)


class LayerTooLarge(TooLarge):
    """Carries `most_chars`."""

    code = "prompts.layer_too_large"

    def __init__(self, most_chars: int = 0) -> None:
        super().__init__(f"A customization has at most {most_chars} characters.", most_chars=most_chars)


class TooManyLayers(Conflict):
    """Carries `most`."""

    code = "prompts.too_many_customizations"

    def __init__(self, most: int = 0, where: str = "") -> None:
        super().__init__(f"You have {most} customizations{where} already, which is the most: remove or change one.", most=most)
