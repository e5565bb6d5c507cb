"""What the names in templates stand for."""

from collections.abc import Mapping
from datetime import datetime

from parlor.accounts import Account

HISTORY = "history"
"""The conversation so far as one string: only who runs the session knows it, and gives it to `EffectivePrompt.render` when `names` has it."""


def standard_values(account: Account, *, agent_name: str, agent_title: str, now: datetime) -> dict[str, str]:
    """All but the history. `now` in UTC; what an account does not say is empty."""
    return values_for(user_facts(account), agent_name=agent_name, agent_title=agent_title, now=now)


def user_facts(account: Account) -> dict[str, str]:
    """What templates may know of a person, by the name behind `user.`."""
    return {
        "display_name": account.display_name or account.username or "",
        "username": account.username or "",
        "locale": account.locale or "",
    }


def values_for(user: Mapping[str, str], *, agent_name: str, agent_title: str, now: datetime) -> dict[str, str]:
    """The same from facts that are at hand."""
    return {
        **{f"user.{name}": value for name, value in user.items()},
        "agent.name": agent_name,
        "agent.title": agent_title or agent_name,
        "date": f"{now:%Y-%m-%d}",
        "time": f"{now:%H:%M} UTC",
        "weekday": WEEKDAYS[now.weekday()],
    }


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Not `%A`, which speaks the language of the machine."""
