"""Refusals of chat."""

from parlor.core.errors import NotFound


class NoSuchSession(NotFound):
    code = "chat.no_such_session"
    detail = "There is no such session, or it is not yours."


class NoSuchMessage(NotFound):
    code = "chat.no_such_message"
    detail = "There is no such message in this session."
