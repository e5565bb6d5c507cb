"""How the services of chat are built."""

from dishka import Provider, Scope, provide

from parlor.chat.answering import Answering
from parlor.chat.searching import MessageSearch
from parlor.chat.sending import Sender
from parlor.chat.sessions import Sessions
from parlor.chat.user_data import ChatUserData


class ChatProvider(Provider):
    scope = Scope.APP

    answering = provide(Answering)
    search = provide(MessageSearch)
    sender = provide(Sender)
    sessions = provide(Sessions)
    user_data = provide(ChatUserData)
