"""Refusals of chat."""

from parlor.core.errors import NotFound, ParlorError


class NoSuchSession(NotFound):
    code = "chat.no_such_session"
    detail = "There is no such session, or it is not yours."


class NoSuchMessage(NotFound):
    code = "chat.no_such_message"
    detail = "There is no such message in this session."


class NotAnswered(ParlorError):
    """At the command line: the turn ended otherwise than with an answer."""

    code = "chat.not_answered"
