"""Which MCP servers there are, and what is known of their tools."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import msgspec
import structlog

from parlor.tools.errors import ToolError
from parlor.tools.mcp.added import AddedServer, AddedServers, key_of
from parlor.tools.mcp.definitions import Judged, hash_of, judge
from parlor.tools.mcp.errors import NoSuchServer
from parlor.tools.mcp.files import FilesRead, ServerFiles
from parlor.tools.mcp.known import Known, Look
from parlor.tools.mcp.pins import Pin, PinBook
from parlor.tools.mcp.ports import Connections
from parlor.tools.mcp.specs import ServerSpec, ToolDefinition
from parlor.tools.ports import ExecutionContext, InputRequired, ToolCaller

logger = structlog.get_logger("parlor.tools.mcp")

HOUSE = ToolCaller(UUID(int=0), is_unlimited=True)
"""For whom servers are asked what they have: nobody's own."""

_MOST_LOOKS_OF_USERS = 2_000
_OLD_SECONDS, _FAILED_SECONDS = 300, 30
_PROBE_ID = "health"


class Reloaded(msgspec.Struct, frozen=True):
    """Keys, and sentences about what could not be read. While mcp.json is wrong, its servers stay as they were."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


Due = Callable[[str, ToolCaller], None]


class McpServers:
    def __init__(self, files: ServerFiles, added: AddedServers, pins: PinBook, connections: Connections) -> None:
        self._files = files
        self._added = added
        self._pins = pins
        self._connections = connections
        self._from_files: Mapping[str, Known] = {}
        self._problems: tuple[str, ...] = ()
        self._is_read = False
        self._known: Mapping[str, Known] = {}
        self._looks: dict[str, Look] = {}
        self._looks_of_users: OrderedDict[tuple[str, UUID], Look] = OrderedDict()
        self._looking: dict[tuple[str, UUID], asyncio.Task[Look]] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self._seen_rows: object = None
        self._reloading = asyncio.Lock()
        self._listeners: list[Due] = []
        self.version = 0
        """Another one whenever something that is offered may be another thing: for those who keep what they made of it."""
        connections.on_changed(self._server_says)

    def on_due(self, listener: Due) -> None:
        """Called with the key of a server that should be looked at soon, and for whom."""
        self._listeners.append(listener)

    @property
    def now_known(self) -> Mapping[str, Known]:
        """What `known` gave last."""
        return self._known

    @property
    def problems(self) -> tuple[str, ...]:
        """Of mcp.json, as it was read last."""
        return self._problems

    async def known(self) -> Mapping[str, Known]:
        """All there are, by key: those of files as they were read last, those of the API at most 5 s old."""
        if not self._is_read:
            await self._read_files()
        rows = await self._added.fresh()
        if rows is not self._seen_rows:
            self._take(rows)
        return self._known

    async def find(self, name: str, caller: ToolCaller) -> ServerSpec | None:
        """What ServerDirectory promises."""
        found = await self.find_known(name, caller)
        return found.spec if found is not None and found.is_enabled else None

    async def find_known(self, name: str, caller: ToolCaller) -> Known | None:
        """Their own before the operator's; None for one that is not there or that they may not use."""
        known = await self.known()
        found = known.get(key_of(name, caller.account_id)) or known.get(name)
        return found if found is not None and self.is_open_to(found, caller) else None

    async def get(self, name: str, caller: ToolCaller) -> Known:
        """Raises NoSuchServer."""
        if (found := await self.find_known(name, caller)) is None:
            raise NoSuchServer
        return found

    async def open_to(self, caller: ToolCaller) -> list[Known]:
        """The operator's first, each by name."""
        found = [each for each in (await self.known()).values() if self.is_open_to(each, caller)]
        return sorted(found, key=lambda each: (each.spec.owner_id is not None, each.spec.name))

    @staticmethod
    def is_open_to(known: Known, caller: ToolCaller) -> bool:
        """A user's own is open to nobody else: administrators neither."""
        spec = known.spec
        return caller.account_id == spec.owner_id if spec.owner_id is not None else caller.may_use(spec.groups)

    async def reload(self) -> Reloaded:
        """Read files and rows anew. Connections of what has changed or is gone are closed."""
        async with self._reloading:
            before = dict(self._known)
            await self._read_files()
            rows = await self._added.read()
            self._take(rows)
            now = self._known
            await asyncio.gather(*self._retiring.values())
        problems = [known.problem for known in now.values() if known.spec.origin == "plugin" and known.problem is not None]
        return Reloaded(
            tuple(sorted(now.keys() - before.keys())),
            tuple(sorted(key for key in now.keys() & before.keys() if now[key] != before[key])),
            tuple(sorted(before.keys() - now.keys())),
            (*self._problems, *problems),
        )

    async def _read_files(self) -> None:
        read = await asyncio.to_thread(self._files.read)
        kept = {key: each for key, each in self._from_files.items() if read.problems and each.spec.origin == "config"}
        self._from_files = {**_by_key(read), **kept}
        self._problems = read.problems
        self._is_read = True
        self._seen_rows = None

    def _take(self, rows: Mapping[str, AddedServer]) -> None:
        """From now on these, and the files' before them. What was there and is another now is looked at anew."""
        before, now = self._known, {**_of_rows(rows), **self._from_files}
        self._known, self._seen_rows = now, rows
        moved = [key for key in before if now.get(key) != before[key]]
        for key in moved:
            self._forget(key)
        if now != before:
            self.version += 1
        for key in moved:
            self._retire(key)
        for key in now:
            if now[key] != before.get(key):
                self._tell_due(now[key])

    def _retire(self, key: str) -> None:
        """Beside whoever found out, which may be a turn: a process may take seconds to end. A look waits for it, so that it never asks the old one."""

        async def retire() -> None:
            try:
                await self._connections.retire(key)
            except Exception:
                logger.exception("mcp.retire_failed", server=key)
            finally:
                if self._retiring.get(key) is asyncio.current_task():
                    del self._retiring[key]

        self._retiring[key] = asyncio.create_task(retire(), name=f"close the MCP server {key}")

    def _forget(self, key: str) -> None:
        self._looks.pop(key, None)
        for each in [each for each in self._looks_of_users if each[0] == key]:
            del self._looks_of_users[each]

    def _server_says(self, key: str) -> None:
        """Its list has changed: what it was before is offered until it has been asked."""
        for each in [each for each in self._looks_of_users if each[0] == key]:
            del self._looks_of_users[each]
        if (known := self._known.get(key)) is not None:
            self._tell_due(known)

    def _tell_due(self, known: Known, caller: ToolCaller = HOUSE) -> None:
        for listener in self._listeners:
            listener(known.spec.key, caller)

    def want(self, known: Known, caller: ToolCaller) -> None:
        """Somebody may use it now: of servers that nobody looks after otherwise, a look that is old, or failed, is made again soon."""
        look = self.look_of(known, caller)
        if look is None or time.monotonic() - look.at > (_OLD_SECONDS if look.is_good else _FAILED_SECONDS):
            self._tell_due(known, caller)

    def look_of(self, known: Known, caller: ToolCaller = HOUSE) -> Look | None:
        """The last one, if there was any; where each user signs in, that for this caller."""
        if known.spec.uses_sign_in:
            return self._looks_of_users.get((known.spec.key, caller.account_id))
        return self._looks.get(known.spec.key)

    async def look(self, known: Known, caller: ToolCaller = HOUSE) -> Look:
        """Connect, and ask for its tools: one look for all who want it at the same time. An error is a part of what is found; raises nothing else."""
        slot = (known.spec.key, caller.account_id if known.spec.uses_sign_in else HOUSE.account_id)
        task = self._looking.get(slot)
        if task is None:
            task = self._looking[slot] = asyncio.create_task(self._look(known, caller if known.spec.uses_sign_in else _on_behalf(known.spec)))
            task.add_done_callback(lambda _: self._looking.pop(slot, None))
        return await asyncio.shield(task)

    async def look_at(self, keys: Iterable[str], seconds: float) -> None:
        """At those that anybody can be shown, and no longer than that: what is late goes on without us."""
        usable = [known for key in keys if (known := self._known.get(key)) is not None and known.is_usable and not known.spec.uses_sign_in]
        if usable:
            await asyncio.wait([asyncio.ensure_future(self.look(known)) for known in usable], timeout=seconds)

    async def _look(self, known: Known, caller: ToolCaller) -> Look:
        began = time.monotonic()
        if (retiring := self._retiring.get(known.spec.key)) is not None:
            await asyncio.shield(retiring)
        error: str | None = None
        sign_in_url: str | None = None
        judged = Judged((), {})
        try:
            judged = await self._listed(known, caller)
        except ToolError as failed:
            error = str(failed)
        except InputRequired as required:
            error, sign_in_url = required.asked.text, required.asked.url
        except Exception as failed:
            logger.exception("mcp.look_failed", server=known.spec.key)
            error = f"an internal error ({type(failed).__name__}): see the log"
        took_ms = round((time.monotonic() - began) * 1000, 1)
        found = Look(began, took_ms, {each.name: each for each in judged.definitions}, judged.left_out, error, sign_in_url)
        self._keep(known, caller, found)
        return found

    async def _listed(self, known: Known, caller: ToolCaller) -> Judged:
        """What it offers now, compared with what it offered before. Raises ToolError and InputRequired."""
        spec = known.spec
        definitions = await self._connections.definitions(spec, caller)
        if known.probe is not None:
            await self._probe(known, caller)
        judged = await asyncio.to_thread(judge, definitions)
        if self._known.get(spec.key, known).spec == spec:
            await self._pins.compare(spec, judged.definitions, is_whole=not spec.uses_sign_in)
        return judged

    async def _probe(self, known: Known, caller: ToolCaller) -> None:
        probe = known.probe
        assert probe is not None, "asked only where there is one"
        outcome = await self._connections.call(known.spec, probe.tool, probe.arguments, ExecutionContext(caller, _PROBE_ID))
        if outcome.is_error:
            raise ToolError(f"its health check {probe.tool!r} failed: {outcome.result}"[:500])

    def _keep(self, known: Known, caller: ToolCaller, found: Look) -> None:
        """What is as it was moves no version: whatever others have made of it stays good."""
        key = known.spec.key
        if self._known.get(key) is not known and self._known.get(key) != known:
            return  # it was changed or removed meanwhile
        before = self.look_of(known, caller)
        if before is None or (before.is_good, before.definitions) != (found.is_good, found.definitions):
            self.version += 1
        if known.spec.uses_sign_in:
            self._looks_of_users[key, caller.account_id] = found
            self._looks_of_users.move_to_end((key, caller.account_id))
            while len(self._looks_of_users) > _MOST_LOOKS_OF_USERS:
                self._looks_of_users.popitem(last=False)
        else:
            self._looks[key] = found

    def usable_tools(self, known: Known, caller: ToolCaller, pins: Mapping[str, Pin]) -> list[ToolDefinition]:
        """What may be offered: definitions that are trusted, of a server that answered when it was last asked, or that was not asked yet."""
        look = self.look_of(known, caller)
        if not known.is_usable or (look is not None and not look.is_good and not known.spec.uses_sign_in):
            return []
        if look is None or not look.is_good:
            return [pin.approved for _, pin in sorted(pins.items()) if pin.approved is not None and pin.state == "ok" and pin.is_listed]
        return [each for name, each in sorted(look.definitions.items()) if self._is_trusted(known, pins.get(name), each)]

    @staticmethod
    def _is_trusted(known: Known, pin: Pin | None, definition: ToolDefinition) -> bool:
        """Where each user signs in, a server may say other things to another user: what counts is what it says to this one."""
        if pin is None or pin.approved_hash != hash_of(definition):
            return False
        return known.spec.uses_sign_in or pin.state == "ok"


def _on_behalf(spec: ServerSpec) -> ToolCaller:
    return HOUSE if spec.owner_id is None else ToolCaller(spec.owner_id)


def _of_rows(rows: Mapping[str, AddedServer]) -> Mapping[str, Known]:
    return {key: Known(each.spec, each.is_enabled, each.problem, header_names=each.header_names) for key, each in rows.items()}


def _by_key(read: FilesRead) -> Mapping[str, Known]:
    return {each.spec.key: Known(each.spec, each.is_enabled, each.problem, each.probe, each.version) for each in read.servers}
