"""How often something may be tried.

The name of a limit says against whom it counts (`_per_account_`, `_per_address_`) and over which window (`_per_minute`, `_per_hour`).
"""

from pydantic import BaseModel, ConfigDict, Field


def _limit(default: int, description: str) -> int:
    return Field(default=default, ge=0, le=1_000_000, description=f"{description} 0 is no limit.")


class LimitSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Count at all. Normal use never needs this off.")
    failed_logins_per_account_per_minute: int = _limit(10, "Wrong passwords for one login, whether or not somebody has it.")
    logins_per_address_per_minute: int = _limit(100, "Sign-ins that one address may try.")
    sign_ups_per_address_per_minute: int = _limit(100, "Accounts that one address may ask for.")
    reset_mails_per_account_per_hour: int = _limit(5, "Mails with a link for a new password, to one account.")
    reset_mails_per_address_per_hour: int = _limit(30, "Mails with such a link that one address may ask for.")
    verification_mails_per_account_per_hour: int = _limit(5, "Mails with a link that verifies an address, to one account.")
    turns_per_account_per_minute: int = _limit(0, "Turns that one account may begin.")
    voucher_tries_per_account_per_minute: int = _limit(10, "Voucher codes that one account may try, right or wrong.")
