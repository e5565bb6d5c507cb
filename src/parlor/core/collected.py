"""What all modules of the house offer, as types that the container can hand out: `def __init__(self, checks: Checks)`.

Each is a tuple, filled by `wiring` from the factories of the modules that are on.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parlor.core.events import Subscriber
    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData


class Checks(tuple["Check", ...]):
    """Health checks."""

    __slots__ = ()


class Subscribers(tuple["Subscriber", ...]):
    """Who reacts to events."""

    __slots__ = ()


class JobDefinitions(tuple["Job", ...]):
    """What may be enqueued, and what runs on a schedule."""

    __slots__ = ()


class UserDataSources(tuple["UserData", ...]):
    """What export and erasure of an account consist of."""

    __slots__ = ()


class Invariants(tuple["Invariant", ...]):
    """What must hold at every commit."""

    __slots__ = ()


class Tools(tuple[Any, ...]):
    """Tools that modules bring for the models to call (`parlor.tools.Tool`)."""

    __slots__ = ()


class Migrations(tuple[str, ...]):
    """Folders with the Alembic revisions that modules bring beside the built-in ones."""

    __slots__ = ()
