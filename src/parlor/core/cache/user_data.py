"""What is cached about a person, and how it goes also when Redis is away at that moment."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.cache.ports import MOST_SECONDS, Cache, digest_of
from parlor.core.cache.redis_cache import RedisCache
from parlor.core.db import Database
from parlor.core.jobs import Job, Jobs
from parlor.core.redis import RedisUnavailable

_JOB = "cache.forget"
_RETRY_SECONDS = 15


class CacheUserData:
    """Cached values are derived from what an export has anyway, so they are not in it."""

    name = "cache"
    tables = ()
    describes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, cache: Cache, db: Database, jobs: Jobs) -> None:
        self._cache = cache
        self._db = db
        self._jobs = jobs

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {}

    async def erase(self, account_id: UUID) -> int:
        """A Redis that is away must not hold up the rest of an erasure: a job asks it again until it is back, or until all that it may have is over."""
        try:
            return await self._cache.forget(str(account_id))
        except RedisUnavailable:
            # under its hash: jobs that name the account are erased themselves
            args = {"owner": digest_of(str(account_id)).hex()}
            await self._db.write(lambda tx: self._jobs.enqueue(tx, _JOB, args))
            return 0


def forgetting_jobs(cache: Cache) -> Sequence[Job]:
    async def forget(args: Mapping[str, Any]) -> None:
        if isinstance(cache, RedisCache):
            await cache.forget_digest(bytes.fromhex(args["owner"]))

    return [Job(_JOB, forget, attempts=MOST_SECONDS // _RETRY_SECONDS, retry_seconds=(1, 2, 5, _RETRY_SECONDS))]
