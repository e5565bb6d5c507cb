"""What the names in templates stand for."""

from datetime import datetime

from parlor.accounts import Account

HISTORY = "history"
"""The conversation so far as one string: only who runs the session knows it, and gives it to `EffectivePrompt.render` when `names` has it."""


def standard_values(account: Account, *, agent_name: str, agent_title: str, now: datetime) -> dict[str, str]:
    """All but the history. `now` in UTC; what an account does not say is empty."""
    return {
        "user.display_name": account.display_name or account.username or "",
        "user.username": account.username or "",
        "user.locale": account.locale or "",
        "agent.name": agent_name,
        "agent.title": agent_title or agent_name,
        "date": f"{now:%Y-%m-%d}",
        "time": f"{now:%H:%M} UTC",
        "weekday": WEEKDAYS[now.weekday()],
    }


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Not `%A`, which speaks the language of the machine."""
