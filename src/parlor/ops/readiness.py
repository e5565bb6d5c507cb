"""Whether this process should be sent requests, and who may see why a part is not well."""

import asyncio
import hmac

from parlor.accounts import Authenticator
from parlor.core.db import Database
from parlor.core.errors import ParlorError, Unavailable
from parlor.core.lifecycle import Shutdown
from parlor.core.log import get_logger
from parlor.ops.checks import ask_database
from parlor.ops.settings import OpsSettings

log = get_logger("parlor.ops")


class NotReady(Unavailable):
    code = "health.not_ready"


class Readiness:
    def __init__(self, db: Database, shutdown: Shutdown, settings: OpsSettings) -> None:
        self._db = db
        self._shutdown = shutdown
        self._settings = settings

    async def check(self) -> None:
        """Raises `NotReady` while the process ends, or when the database does not answer through the pool that requests use."""
        if self._shutdown.requested.is_set():
            raise NotReady("This process is about to end.")
        try:
            async with asyncio.timeout(self._settings.check_timeout_seconds):
                await ask_database(self._db)
        except Exception as error:
            log.warning("not ready: the database does not answer", exc_info=error)
            raise NotReady("The database does not answer.", retry_after_seconds=1) from error


class HealthReaders:
    """Decides who sees more of the health than statuses."""

    def __init__(self, authenticator: Authenticator, settings: OpsSettings) -> None:
        self._authenticator = authenticator
        self._token = settings.health_token

    async def may_see_all(self, credential: str | None) -> bool:
        """True for the health token and for administrators. Never raises: health must be readable when signing in is what is broken."""
        if credential is None:
            return False
        if self._token is not None and hmac.compare_digest(credential.encode(errors="replace"), self._token.get_secret_value().encode()):
            return True
        try:
            return (await self._authenticator.resolve(credential)).is_admin
        except ParlorError:
            return False
        except Exception as error:
            log.warning("the reader of the health cannot be known", exc_info=error)
            return False
