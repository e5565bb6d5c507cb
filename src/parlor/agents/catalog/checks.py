"""How the agents are."""

from collections import Counter
from collections.abc import Sequence

from parlor.agents import queries
from parlor.agents.catalog.executor_cache import ExecutorCache
from parlor.agents.catalog.operators import OperatorAgents
from parlor.core.db import Database
from parlor.core.health import Check, Health, Status


def checks(db: Database, operators: OperatorAgents, cache: ExecutorCache) -> Sequence[Check]:
    async def look() -> Health:
        by_source = Counter(each.source for each in operators.all())
        shared = await db.read(queries.count_shared)
        details = {"settings": by_source["settings"], "files": by_source["file"], "shared": shared, "ready": len(cache)}
        if operators.problems:
            return Health(Status.DEGRADED, operators.problems[0], "Mend the file: its agent is as it was before.", details)
        return Health(Status.OK, details=details)

    return [Check("agents", look)]
