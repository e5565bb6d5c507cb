"""How often somebody's password may be guessed."""

from parlor.core.limits import RateLimits

_LIMIT = "failed_logins_per_account_per_minute"


class Guesses:
    """Counts wrong passwords. `whose` names who is guessed at: what was typed as login, so that it is the same whether or not there is such an account."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    async def admit(self, whose: str) -> None:
        """Before a password is looked at. Raises `RateLimited`."""
        await self._limits.check(_LIMIT, whose)

    async def judge(self, whose: str, *, is_right: bool) -> None:
        """After it. Once there were too many wrong ones a right one is refused too, or guesses that are all sent at once would each be heard.

        Raises `RateLimited`.
        """
        if is_right:
            await self._limits.check(_LIMIT, whose)
        else:
            await self._limits.hit(_LIMIT, whose)
