"""Settings of the database."""

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parlor.core.settings import RootSettings


class DatabaseSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        default=None, description="postgresql://user:password@host/name or sqlite:////absolute/path.db; without it SQLite in the data directory."
    )
    pool_size: int = Field(default=10, ge=1, le=500, description="Connections to Postgres that one process keeps at most.")
    max_overflow: int = Field(default=0, ge=0, le=500, description="Connections above pool_size that a burst may open.")
    pool_timeout_seconds: float = Field(default=5, gt=0, description="How long a transaction waits for a free connection before 503.")
    statement_timeout_seconds: float = Field(default=30, gt=0, description="Postgres gives up a statement after this long.")
    readers: int = Field(default=2, ge=1, le=32, description="Threads that read from SQLite.")

    @property
    def is_postgres(self) -> bool:
        return self.url is not None and self.url.get_secret_value().startswith(("postgresql://", "postgres://"))

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if self.url is None:
            return
        parts = _parts(self.url.get_secret_value())
        if parts is None:
            yield "PARLOR_DATABASE__URL is no address: write postgresql://user:password@host:5432/name, with %2F, %3A and %40 for / : @ in the password."
            return
        if parts.scheme in ("postgresql", "postgres"):
            if not parts.path.strip("/"):
                yield "PARLOR_DATABASE__URL names no database: write postgresql://user:password@host:5432/name."
            if not parts.hostname and "host=" not in parts.query:
                yield "PARLOR_DATABASE__URL names no host: write postgresql://user:password@host:5432/name."
        elif parts.scheme == "sqlite":
            if not parts.path.strip("/") or parts.netloc:
                yield "PARLOR_DATABASE__URL names no file: write sqlite:////absolute/path.db (four slashes) or sqlite:///relative.db (three)."
        else:
            yield f"PARLOR_DATABASE__URL starts with {parts.scheme + '://' if parts.scheme else 'no scheme'}: only postgresql:// and sqlite:/// work."


def _parts(url: str) -> SplitResult | None:
    """None for what is no URL at all, or has no number for a port."""
    try:
        parts = urlsplit(url)
        # several hosts are for the driver to read
        return parts if "," in parts.netloc or parts.port != 0 else None
    except ValueError:
        return None
