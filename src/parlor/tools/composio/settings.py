"""Settings of Composio."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from parlor.accounts import GROUP_PATTERN
from parlor.core.outbound import Timeouts
from parlor.core.web.public_url import is_loopback_url, public_url

PUBLIC_BASE_URL = "https://backend.composio.dev"
CONCRETE_VERSION = r"\d{8}_\d{2}"
TOOLKIT_PATTERN = r"[a-z0-9][a-z0-9_-]{0,99}"

_YES_OR_NO: Mapping[Any, tuple[str, ...]] = {True: ("*",), "true": ("*",), False: (), "false": ()}
_KEY = re.compile(r"[\x21-\x7e]*")
_API_PATH = re.compile(r"/api(/v3(\.1)?)?$")
Group = Annotated[str, Field(pattern=f"^{GROUP_PATTERN}$")]


class ToolkitSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str | None = Field(
        default=None,
        pattern=f"^{CONCRETE_VERSION}$",
        description="The version of its actions, such as 20251027_00; unset is the newest when the server first needs it, kept until the server ends.",
    )
    actions: tuple[str, ...] = Field(default=("*",), description="Globs over the actions that may be used: GITHUB_*_ISSUE*.")
    auth_config_id: str | None = Field(
        default=None, min_length=1, max_length=100, description="The auth config that users connect through; unset is the newest there is, else a new one."
    )
    groups: tuple[Group, ...] = Field(default=(), description="Only accounts in one of these groups, and administrators, use it; empty is everybody.")
    require_approval: tuple[str, ...] = Field(default=(), description="true, or globs over the actions that a person looks at before each call.")

    @field_validator("require_approval", mode="before")
    @classmethod
    def _all_or_globs(cls, value: Any) -> Any:
        """From the environment a word arrives as a list of one."""
        words = [value] if isinstance(value, bool | str) else cast("Sequence[Any]", value)
        if len(words) == 1 and (said := _YES_OR_NO.get(words[0])) is not None:
            return said
        return words


class ComposioSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr | None = Field(default=None, description="Switches Composio on. Sent to base_url and nowhere else.")
    base_url: str = Field(default=PUBLIC_BASE_URL, description="Where Composio is, with or without /api/v3.1.")
    connect_seconds: float = Field(default=10, gt=0, description="Until it has accepted the connection.")
    answer_seconds: float = Field(default=20, gt=0, description="Until it has answered anything but the execution of an action.")
    execute_seconds: float = Field(default=45, gt=0, description="Until an action is done; less than tools.timeout_seconds.")
    watch_seconds: float = Field(default=900, ge=1, description="How long a person has to finish a sign-in that was begun.")
    poll_seconds: float = Field(default=2, gt=0, le=60, description="The first pause between two looks at a sign-in; they grow to half a minute.")
    refresh_seconds: float = Field(default=3600, ge=1, description="How old the known definitions of actions may be.")
    failures: int = Field(default=5, ge=1, description="So many failed calls in a row, and nobody waits for it any more.")
    open_seconds: float = Field(default=30, gt=0, description="For so long; then one call at a time finds out whether it is back.")
    toolkits: Mapping[str, ToolkitSettings] = Field(
        default_factory=dict,
        description="The toolkits of which agents get tools, by their slug (github). Where there are any, users connect and execute these alone.",
    )

    @field_validator("api_key")
    @classmethod
    def _is_one_line(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""
        if _KEY.fullmatch(key) is None:
            raise ValueError("a key is one line of printable ASCII: look for a stray character")
        return SecretStr(key) if key else None

    @field_validator("base_url")
    @classmethod
    def _without_path(cls, value: str) -> str:
        return _API_PATH.sub("", public_url(value)) if value.strip() else PUBLIC_BASE_URL

    @field_validator("toolkits")
    @classmethod
    def _are_slugs(cls, value: Mapping[str, ToolkitSettings]) -> Mapping[str, ToolkitSettings]:
        if wrong := next((name for name in value if re.fullmatch(TOOLKIT_PATTERN, name) is None), None):
            raise ValueError(f"{wrong!r} is no toolkit: use its slug in lower case, such as github or googlecalendar")
        return value

    def warnings(self) -> Iterable[str]:
        if self.api_key is not None and self.base_url.startswith("http:") and not is_loopback_url(self.base_url):
            yield f"The key of Composio travels in the clear to {self.base_url}: write https:// in PARLOR_TOOLS__COMPOSIO__BASE_URL."

    def timeouts(self, answer_seconds: float) -> Timeouts:
        return Timeouts(self.connect_seconds, answer_seconds, answer_seconds, answer_seconds + self.connect_seconds)
