"""Refusals of the wallet."""

from datetime import datetime

from parlor.core.errors import Conflict, NotFound, PaymentRequired


class InsufficientFunds(PaymentRequired):
    """Carries `needed_micros` and `available_micros`."""

    code = "wallet.insufficient_funds"

    def __init__(self, *, needed_micros: int, available_micros: int) -> None:
        super().__init__(
            f"This may cost up to {needed_micros} micro-credits and {available_micros} are available.",
            needed_micros=needed_micros,
            available_micros=available_micros,
        )


class BudgetExceeded(PaymentRequired):
    """Carries whose budget it is (`owner`: account or api_key), `period`, `limit_micros`, `used_micros`, `needed_micros` and `starts_anew_at`.

    `starts_anew_at` is RFC 3339, None for a budget without an end.
    """

    code = "wallet.budget_exceeded"

    def __init__(self, *, owner: str, period: str, limit_micros: int, used_micros: int, needed_micros: int, starts_anew_at: datetime | None) -> None:
        whose = "your account" if owner == "account" else "this API key"
        anew = "It does not start anew: ask an administrator." if starts_anew_at is None else f"It starts anew at {starts_anew_at:%Y-%m-%d %H:%M} UTC."
        name = "budget" if period == "total" else f"budget of the {period}"
        super().__init__(
            f"The {name} of {whose} is {limit_micros} micro-credits, {used_micros} are used or held, and this may cost up to {needed_micros}. {anew}",
            owner=owner,
            period=period,
            limit_micros=limit_micros,
            used_micros=used_micros,
            needed_micros=needed_micros,
            starts_anew_at=None if starts_anew_at is None else starts_anew_at.isoformat().replace("+00:00", "Z"),
        )


class NoSuchHold(NotFound):
    code = "wallet.no_such_hold"
    detail = "Nothing was ever held for this."


class HoldClosed(Conflict):
    code = "wallet.hold_closed"
    detail = "This hold is settled or given back already: its amount cannot be changed any more."


class ReferenceUsed(Conflict):
    code = "wallet.reference_used"
    detail = "This reference was used for another account or amount. Each grant and each refund needs a reference of its own."


class NoSuchCharge(NotFound):
    code = "wallet.no_such_charge"
    detail = "This wallet was charged nothing under that id."


class RefundTooLarge(Conflict):
    """Carries `charge_micros` and `left_micros`, what was not given back yet."""

    code = "wallet.refund_too_large"

    def __init__(self, *, charge_micros: int, left_micros: int) -> None:
        super().__init__(
            f"Of this charge of {charge_micros} micro-credits {left_micros} can still be refunded.", charge_micros=charge_micros, left_micros=left_micros
        )


class InvalidVoucher(NotFound):
    """The same for a code that is wrong, used up, expired or revoked: it must not help anybody who guesses."""

    code = "wallet.invalid_voucher"
    detail = "This code is worth nothing: it is mistyped, used up, expired or was withdrawn."


class VoucherUsed(Conflict):
    code = "wallet.voucher_used"
    detail = "You have used this voucher already."


class VoucherCodeTaken(Conflict):
    code = "wallet.voucher_code_taken"
    detail = "There is a voucher with this code, or was one: choose another."


class NoSuchVoucher(NotFound):
    code = "wallet.no_such_voucher"
    detail = "There is no such voucher."
