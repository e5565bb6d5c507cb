"""Making links, taking them back, and what they show."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory
from parlor.chat import message_queries, session_queries
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.schemas import MessageRead
from parlor.chat.settings import ChatSettings
from parlor.chat.sharing import queries
from parlor.chat.sharing.errors import NoSuchShare, NothingToShare, ShareTooLarge, SharingOff
from parlor.core.crypto import random_text
from parlor.core.db import Database, Transaction

MOST_MESSAGES = 2_000
PREFIX = "sh_"
_SHOWN: Mapping[str, tuple[str, ...]] = {"text": ("type", "text"), "tool_call": ("type", "tool"), "source": ("type", "index", "title", "locator", "quote")}
"""Of each part that strangers see: these fields. What a tool was asked and what it answered may hold anything, and so may what a model thought."""


class Snapshot(msgspec.Struct, frozen=True):
    title: str
    messages: list[dict[str, Any]]
    created_at: datetime
    shared_at: datetime


class Shares:
    def __init__(self, db: Database, directory: AccountDirectory, settings: ChatSettings) -> None:
        self._db = db
        self._directory = directory
        self._is_on = settings.sharing

    async def share(self, session_id: UUID, account_id: UUID, branch: UUID | None) -> tuple[str, datetime]:
        """A new token for the newest branch, or the one that ends with a message, as it is now. The link that was there before shows nothing any more.

        Raises SharingOff, NoSuchSession, NoSuchMessage, NothingToShare, ShareTooLarge.
        """
        if not self._is_on:
            raise SharingOff
        token = PREFIX + random_text()
        return token, await self._db.write(lambda tx: _share(tx, session_id, account_id, branch, token))

    async def revoke(self, session_id: UUID, account_id: UUID) -> None:
        """Also when there is no link. Raises NoSuchSession."""

        def revoke(tx: Transaction) -> None:
            if session_queries.add_messages(tx, session_id, account_id, 0) is None:
                raise NoSuchSession
            queries.remove_share(tx, session_id)

        await self._db.write(revoke)

    async def read(self, token: str) -> Snapshot:
        """Raises NoSuchShare, also while the owner is suspended."""
        if not self._is_on:
            raise NoSuchShare
        return await self._db.read(lambda tx: self._read(tx, token))

    def _read(self, tx: Transaction, token: str) -> Snapshot:
        share = queries.find_share(tx, _hash_of(token))
        if share is None:
            raise NoSuchShare
        account = self._directory.find(tx, share.account_id)
        session = session_queries.find_session(tx, share.session_id, share.account_id)
        if account is None or account.status != "active" or session is None:
            raise NoSuchShare
        last = message_queries.find_message(tx, session.id, share.message_id)
        rows = message_queries.path_to(tx, session.id, last, is_branched=session.is_branched, most=MOST_MESSAGES)
        return Snapshot(share.title, list(_shown(reversed(rows))), session.created_at, share.shared_at)


def _share(tx: Transaction, session_id: UUID, account_id: UUID, branch: UUID | None, token: str) -> datetime:
    """The session is locked: it is not deleted meanwhile."""
    count = session_queries.add_messages(tx, session_id, account_id, 0)
    if count is None:
        raise NoSuchSession
    session = session_queries.find_session(tx, session_id, account_id)
    last = message_queries.message_at(tx, session_id, count) if branch is None else message_queries.find_message(tx, session_id, branch)
    if last is None:
        raise NothingToShare if branch is None else NoSuchMessage
    if len(message_queries.path_to(tx, session_id, last, is_branched=session.is_branched, most=MOST_MESSAGES + 1)) > MOST_MESSAGES:
        raise ShareTooLarge(most_messages=MOST_MESSAGES)
    queries.put_share(tx, session_id=session_id, account_id=account_id, token_hash=_hash_of(token), message_id=last.id, title=session.title)
    return tx.now()


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _shown(rows: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Without ids; and without messages of which nothing is shown."""
    for message in map(MessageRead.of, rows):
        parts = [{name: part[name] for name in _SHOWN[part["type"]] if name in part} for part in message.parts if part["type"] in _SHOWN]
        if parts and message.role != "system":
            yield {"role": message.role, "parts": parts, "created_at": message.created_at}
