"""How connections are, in our words and in Composio's."""

from typing import Literal, get_args

from parlor.tools.composio.wire import ConnectedAccount

Status = Literal["initiated", "active", "failed", "expired", "revoked", "deleted"]
STATUSES: tuple[Status, ...] = get_args(Status)

_OURS: dict[str, Status] = {
    "INITIALIZING": "initiated",
    "INITIATED": "initiated",
    "ACTIVE": "active",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "REVOKED": "revoked",
}

_REASONS: dict[Status, str] = {
    "failed": "The sign-in failed.",
    "expired": "The sign-in was not finished in time, or has run out.",
    "revoked": "The access was withdrawn.",
    "deleted": "Composio does not have it any more.",
}
"""Ours: what Composio says is somebody else's error message."""


def status_of(account: ConnectedAccount, before: Status) -> Status:
    """INACTIVE, and one that is switched off, can become ACTIVE again: what was begun goes on, and what worked does not work."""
    if account.status == "INACTIVE" or account.is_disabled:
        return "initiated" if before == "initiated" else "revoked"
    return _OURS.get(account.status, before)


def reason_for(status: Status) -> str | None:
    return _REASONS.get(status)
