"""How the services of chat are built."""

from dishka import Provider, Scope

from parlor.chat.answering import Answering
from parlor.chat.asking.intent import IntentAnalyst
from parlor.chat.asking.single import SingleCalls
from parlor.chat.compaction import Compaction
from parlor.chat.idle_agents import IdleAgents
from parlor.chat.remembering import SessionMemory
from parlor.chat.resuming import Resumption
from parlor.chat.searching import MessageSearch
from parlor.chat.sending import Sender
from parlor.chat.sessions import Sessions
from parlor.chat.sharing.shares import Shares
from parlor.chat.signed_in import SignedIn
from parlor.chat.titles.writer import TitleWriter
from parlor.chat.transfer.exports import SessionExports
from parlor.chat.transfer.imports import SessionImports
from parlor.chat.transfer.keyed import KeyedImports
from parlor.chat.turn_limit import TurnLimit
from parlor.chat.user_data import ChatUserData
from parlor.core.lifecycle import Residents


def _residents(residents: Residents, idle: IdleAgents) -> Residents:
    return residents.adding("idle agents", idle.live)


def chat_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(Answering, Compaction, MessageSearch, Resumption, Sender, SessionMemory, Sessions, SignedIn, ChatUserData, TurnLimit)
    provider.provide_all(SessionExports, SessionImports, KeyedImports, Shares, SingleCalls, TitleWriter, IntentAnalyst)
    provider.provide(IdleAgents)
    provider.decorate(_residents)
    return provider
