"""Settings of the wallet."""

from pydantic import BaseModel, ConfigDict, Field

from parlor.wallet.price import MOST_MICROS, Price


class WalletSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    initial_bonus_micros: int = Field(default=5_000_000, ge=0, le=MOST_MICROS, description="What a new account gets, once. 1 credit is 1 000 000 micros.")
    default_price: Price = Field(
        default=Price(input_micros_per_mtok=1_000_000, output_micros_per_mtok=3_000_000), description="What a model without a price of its own costs."
    )
    hold_ttl_seconds: int = Field(default=900, ge=10, description="Credit that is held for a single call goes back after this long, if its process died.")
    low_balance_micros: int = Field(
        default=500_000, ge=0, le=MOST_MICROS, description="A charge that takes a balance below this records the event `wallet.low_balance`. 0: never."
    )
    assume_accepted: bool = Field(
        default=False, description="When a server dies before a provider has answered, charge for the question as if it had been accepted."
    )
