"""Chat: sessions, their messages as a tree, the history a model is shown, and the transaction that begins a turn.

How a turn runs, is kept and is billed belongs to turns; what answers belongs to agents.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.chat.errors import NoSuchMessage, NoSuchSession
    from parlor.chat.schemas import MessageRead, SessionRead
    from parlor.chat.sending import Key, Question, Sender, Sent
    from parlor.chat.sessions import Sessions
    from parlor.chat.settings import ChatSettings

__all__ = ["ChatSettings", "Key", "MessageRead", "NoSuchMessage", "NoSuchSession", "Question", "Sender", "Sent", "SessionRead", "Sessions"]

__getattr__ = exports(
    __name__,
    {
        "errors": "NoSuchMessage NoSuchSession",
        "schemas": "MessageRead SessionRead",
        "sending": "Key Question Sender Sent",
        "sessions": "Sessions",
        "settings": "ChatSettings",
    },
)
