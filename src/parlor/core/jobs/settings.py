"""Settings of the background jobs."""

from pydantic import BaseModel, ConfigDict, Field


class JobSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    run_in_server: bool = Field(default=True, description="Run jobs inside the server; false leaves them to worker processes.")
    concurrency: int = Field(default=8, ge=1, le=256, description="Jobs that one process runs at once.")
    poll_seconds: float = Field(default=1, gt=0, le=60, description="How often a process looks for jobs that another one enqueued.")
    lease_seconds: float = Field(default=30, gt=0, description="A job whose process died is taken over after this long; renewed while it runs.")
    stop_seconds: float = Field(default=10, ge=0, description="How long running jobs may finish when the process stops; then they go back to the queue.")
