"""Settings of turns."""

from pydantic import BaseModel, ConfigDict, Field


class TurnSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_seconds: float = Field(default=15, gt=0, description="A turn whose lease is older than this has lost its server and is finished by the sweep.")
    renew_seconds: float = Field(default=5, gt=0, description="How often a running turn's lease is renewed.")
    checkpoint_seconds: float = Field(default=1, gt=0, description="How often what running turns have said is saved, all of them in one transaction.")
    sweep_seconds: float = Field(default=5, gt=0, description="How often turns that lost their server are looked for.")
    keep_log_seconds: float = Field(default=60, ge=0, description="How long the log of a finished turn stays in memory; later it comes from the database.")
    keep_logs_most: int = Field(default=2000, ge=0, description="Finished logs in memory at most.")
    total_seconds: float = Field(default=900, gt=0, description="The longest that one turn may run.")
    question_seconds: float = Field(default=7 * 24 * 3600, gt=0, description="How long a question to a person may wait; then its turn ends.")
    drain_seconds: float = Field(default=25, ge=0, description="On shutdown, how long running turns may go on before they are handed over as interrupted.")
    per_account_most: int = Field(default=1000, ge=1, description="Turns that one account may have running on one server at once.")
