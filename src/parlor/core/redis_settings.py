"""Where Redis (or Valkey) is, when there is one."""

from collections.abc import Iterable
from importlib.util import find_spec
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parlor.core.settings import RootSettings


class RedisSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        default=None, description="redis:// or rediss://user:password@host:6379/0, needed only for several replicas; without it everything is in process."
    )

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if self.url is None:
            return
        parts = urlsplit(self.url.get_secret_value())
        if parts.scheme not in ("redis", "rediss"):
            yield f"PARLOR_REDIS__URL starts with {parts.scheme + '://' if parts.scheme else 'no scheme'}: only redis:// and rediss:// work."
        elif not parts.hostname:
            yield "PARLOR_REDIS__URL names no host: write redis://host:6379/0."
        elif find_spec("redis") is None:
            yield "PARLOR_REDIS__URL is set, and the library for it is missing: install parlor[redis]."
