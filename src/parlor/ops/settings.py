"""Settings of operations."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class OpsSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    health_token: SecretStr | None = Field(
        default=None, min_length=16, description="A bearer token for monitoring: opens errors, latencies, details and advice of /api/v1/health."
    )
    metrics_token: SecretStr | None = Field(default=None, min_length=16, description="A bearer token for Prometheus: opens /metrics from other machines.")
    check_timeout_seconds: float = Field(default=2.0, gt=0, le=30, description="A health check that takes longer counts as down.")
    cache_seconds: float = Field(default=1.5, ge=0, le=60, description="How long the result of a health check is shown again.")
