"""Connections: whose connected account is whose, and how it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.errors import BadUpstream
from parlor.core.events import Event, Events
from parlor.core.ids import new_id
from parlor.core.jobs import Jobs
from parlor.core.outbound import Refused, parse_url
from parlor.tools.composio import queries
from parlor.tools.composio.auth_configs import AuthConfigs
from parlor.tools.composio.callbacks import Callbacks
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.errors import NoSuchAuthConfig, NoSuchConnection, TooManySignIns, UnknownToComposio
from parlor.tools.composio.events import ComposioConnectionActive, ComposioConnectionFailed
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.composio.statuses import Status, reason_for, status_of
from parlor.tools.ports import ToolCaller

NEWEST = UUID(int=2**128 - 1)
MOST_SIGN_INS = 10
"""Begun and not finished, of one account: each of them is looked at again and again."""
WATCH, FORGET = "composio.watch_connection", "composio.forget_account"


class Connection(msgspec.Struct, frozen=True):
    id: UUID
    account_id: UUID
    connected_account_id: str
    toolkit: str
    auth_config_id: str
    status: Status
    status_reason: str | None
    polls: int
    created_at: datetime
    updated_at: datetime
    watch_until: datetime


class Begun(msgspec.Struct, frozen=True):
    """`redirect_url` is where the person signs in. It is not kept: who has it may connect something in their name."""

    connection: Connection
    redirect_url: str


def user_id_of(account_id: UUID) -> str:
    """What an account is called at Composio: the same for ever, and nothing that names a person."""
    return f"parlor_{account_id.hex}"


class Connections:
    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        events: Events,
        client: ComposioClient,
        auth_configs: AuthConfigs,
        policy: ToolkitPolicy,
        callbacks: Callbacks,
        settings: ComposioSettings,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._events = events
        self._client = client
        self._auth_configs = auth_configs
        self._policy = policy
        self._callbacks = callbacks
        self._settings = settings

    async def initiate(self, caller: ToolCaller, toolkit: str, *, auth_config_id: str | None = None, callback_url: str | None = None) -> Begun:
        """Begin a sign-in, each time a new one, and watch it.

        Raises NotConfigured, NoSuchToolkit, NoSuchAuthConfig, UnsafeCallback, TooManySignIns, and what Composio's failures are.
        """
        self._client.require()
        self._policy.require(caller, toolkit)
        callback_url = self._callbacks.checked(callback_url)
        if await self._db.read(lambda tx: queries.count_initiated(tx, caller.account_id)) >= MOST_SIGN_INS:
            raise TooManySignIns
        chosen = await self._auth_configs.chosen(caller, toolkit, auth_config_id)
        try:
            link = await self._client.link(auth_config_id=chosen, user_id=user_id_of(caller.account_id), callback_url=callback_url)
        except UnknownToComposio as error:
            raise NoSuchAuthConfig from error
        redirect_url = _checked_redirect(link.redirect_url)
        connection_id = new_id()

        def add(tx: Transaction) -> Connection:
            row = queries.add(
                tx,
                id=connection_id,
                account_id=caller.account_id,
                connected_account_id=link.connected_account_id,
                toolkit=toolkit,
                auth_config_id=chosen,
                watch_until=tx.now() + timedelta(seconds=self._settings.watch_seconds),
            )
            if row is None:
                raise BadUpstream("Composio gave a connected account that is taken already.")
            self.watch_again(tx, connection_id, poll=0)
            return Connection(*row)

        return Begun(await self._db.write(add), redirect_url)

    def watch_again(self, tx: Transaction, connection_id: UUID, *, poll: int, remaining_seconds: float = 30) -> None:
        """Have the watch look for the `poll`th time: soon at first, and then every half a minute."""
        pause_seconds = min(self._settings.poll_seconds * 1.5**poll if poll < 20 else 30, 30, max(1, remaining_seconds))
        self._jobs.enqueue(tx, WATCH, {"connection_id": str(connection_id), "poll": poll}, delay_seconds=pause_seconds)

    async def list(self, account_id: UUID, *, before: UUID | None = None, most: int) -> Sequence[Connection]:
        """The newest first, as they were when last looked at. Raises NotConfigured."""
        self._client.require()
        return [Connection(*row) for row in await self._db.read(lambda tx: queries.page(tx, account_id, before or NEWEST, most))]

    async def find(self, account_id: UUID, connection_id: UUID) -> Connection:
        """As it is known here. Raises NoSuchConnection."""
        row = await self._db.read(lambda tx: queries.find_own(tx, account_id, connection_id))
        if row is None:
            raise NoSuchConnection
        return Connection(*row)

    async def get(self, account_id: UUID, connection_id: UUID) -> Connection:
        """One whose sign-in is not finished is looked at now. Raises NoSuchConnection, and what Composio's failures are."""
        self._client.require()
        connection = await self.find(account_id, connection_id)
        return await self.refresh(connection) if connection.status == "initiated" else connection

    async def open_ones(self, account_id: UUID) -> Sequence[Connection]:
        """Those that work, the newest first, and after them those whose sign-in was begun.

        Of one read: between two of them the watch may make a begun one active, which neither would then show.
        """
        rows = await self._db.read(lambda tx: queries.open_ones(tx, account_id))
        return sorted((Connection(*row) for row in rows), key=lambda each: each.status != "active")

    async def usable(self, account_id: UUID, toolkit: str) -> Connection | None:
        """The newest that works. Where none is known to, those whose sign-in was begun are looked at now. Raises what Composio's failures are."""
        for each in await self.open_ones(account_id):
            if each.toolkit == toolkit and (each.status == "active" or (each := await self.refresh(each)).status == "active"):
                return each
        return None

    async def remove(self, account_id: UUID, connection_id: UUID) -> None:
        """From this commit on nothing can be done with it; Composio forgets it soon after. Raises NotConfigured, NoSuchConnection."""
        self._client.require()

        def remove(tx: Transaction) -> None:
            connected_account_id = queries.remove(tx, account_id, connection_id)
            if connected_account_id is None:
                raise NoSuchConnection
            self.forget_later(tx, connected_account_id)

        await self._db.write(remove)

    def forget_later(self, tx: Transaction, connected_account_id: str) -> None:
        self._jobs.enqueue(tx, FORGET, {"connected_account_id": connected_account_id})

    async def refresh(self, connection: Connection) -> Connection:
        """As Composio says that it is now, which is remembered. Raises what Composio's failures are."""
        status = await self.status_at_composio(connection)
        if status == connection.status:
            return connection
        moved = await self._db.write(lambda tx: self.move(tx, connection, status))
        return moved or await self.find(connection.account_id, connection.id)

    async def status_at_composio(self, connection: Connection) -> Status:
        try:
            account = await self._client.connected_account(connection.connected_account_id)
        except UnknownToComposio:
            return "deleted"
        is_theirs = account.user_id in (None, "", user_id_of(connection.account_id)) and account.toolkit.slug in ("", connection.toolkit)
        return status_of(account, connection.status) if is_theirs else "failed"

    def move(self, tx: Transaction, connection: Connection, status: Status) -> Connection | None:
        """None when somebody else was first."""
        row = queries.move(tx, connection.id, connection.status, status, reason_for(status))
        if row is None:
            return None
        self._events.record(tx, _event_of(connection, status))
        return Connection(*row)


def _checked_redirect(url: str) -> str:
    """A person is sent there: nothing but a web address."""
    try:
        parse_url(url)
    except Refused as error:
        raise BadUpstream("Composio gave no address to sign in at.") from error
    return url


def _event_of(connection: Connection, status: Status) -> Event:
    account_id, connection_id, toolkit = connection.account_id, connection.id, connection.toolkit
    if status == "active":
        return ComposioConnectionActive(account_id=account_id, connection_id=connection_id, toolkit=toolkit)
    return ComposioConnectionFailed(account_id=account_id, connection_id=connection_id, toolkit=toolkit, status=status)
