"""Refusals of chat."""

from parlor.core.errors import Invalid, NotFound, TooLarge


class NoSuchSession(NotFound):
    code = "chat.no_such_session"
    detail = "There is no such session, or it is not yours."


class NoSuchMessage(NotFound):
    code = "chat.no_such_message"
    detail = "There is no such message in this session."


class EmptyMessage(Invalid):
    code = "chat.empty_message"
    detail = "The message is empty: write something that can be seen."


class MessageTooLong(TooLarge):
    code = "chat.message_too_long"


class PromptTooLong(TooLarge):
    code = "chat.prompt_too_long"
    detail = "The message is longer than the model can read."
