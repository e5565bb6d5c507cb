"""The chat room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.chat.settings import ChatSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.chat.signed_in import SignedIn
    from parlor.chat.titles.writer import TitleWriter
    from parlor.chat.user_data import ChatUserData
    from parlor.core.db import Database
    from parlor.core.events import Subscriber
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData


def _provider() -> "dishka.Provider":
    from parlor.chat.provider import chat_provider

    return chat_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.chat.api import router
    from parlor.chat.asking.api import router as asking_router
    from parlor.chat.memory_api import router as memory_router
    from parlor.chat.messages_api import router as messages_router
    from parlor.chat.questions_api import router as questions_router
    from parlor.chat.sharing.api import router as sharing_router
    from parlor.chat.transfer.api import router as transfer_router

    # before /sessions/{session_id}, which would take "export" for an id
    return (transfer_router, router, messages_router, questions_router, memory_router, sharing_router, asking_router)


def _subscribers(signed_in: "SignedIn", titles: "TitleWriter") -> "Sequence[Subscriber]":
    from parlor.chat.answers import keep_answer
    from parlor.core.events import Subscriber

    return (
        Subscriber("chat.keep_answer", "turn.ending", keep_answer, inside=True),
        Subscriber("chat.ask_for_title", "turn.ending", titles.ask, inside=True),
        Subscriber("chat.go_on_after_sign_in", "mcp.signed_in", signed_in.at_server),
        Subscriber("chat.go_on_after_connection", "composio.connection_active", signed_in.at_toolkit),
    )


def _jobs(db: "Database", settings: ChatSettings, titles: "TitleWriter") -> "Sequence[Job]":
    from parlor.chat.jobs import jobs

    return jobs(db, settings, titles)


def _user_data(user_data: "ChatUserData") -> "UserData":
    return user_data


def _invariants() -> "Sequence[Invariant]":
    from parlor.chat.invariants import invariants

    return invariants()


module = Module(
    name="chat",
    settings=ChatSettings,
    requires=("agents",),
    provider=_provider,
    routes=_routes,
    subscribers=_subscribers,
    jobs=_jobs,
    user_data=_user_data,
    invariants=_invariants,
    cli_help="What people have said: list, export, import.",
    commands={
        "chat": "parlor.chat.cli:chat",
        "agents invoke": "parlor.chat.agents_cli:invoke",
        "sessions list": "parlor.chat.transfer.cli:list_sessions",
        "sessions export": "parlor.chat.transfer.cli:export",
        "sessions import": "parlor.chat.transfer.cli:import_file",
    },
)
