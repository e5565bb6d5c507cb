"""Refusals of shared sessions."""

from parlor.core.errors import Conflict, Forbidden, NotFound, TooLarge


class NoSuchShare(NotFound):
    code = "chat.no_such_share"
    detail = "There is nothing at this link, or it was taken back."


class NothingToShare(Conflict):
    code = "chat.nothing_to_share"
    detail = "Nothing was said in this session yet."


class ShareTooLarge(TooLarge):
    """Carries the limit."""

    code = "chat.share_too_large"
    detail = "This conversation is too long to be shared."


class SharingOff(Forbidden):
    code = "chat.sharing_off"
    detail = "This server shares no sessions."
