"""What stands in place of a Redis URL and is none."""

import pytest

from parlor.core.redis_settings import RedisSettings
from parlor.core.settings import RootSettings


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, None),
        ("redis://host", None),
        ("rediss://u:p@host:1/0", None),
        ("http://host", "starts with http://"),
        ("host:6379", "only redis"),
        ("redis:///0", "no host"),
    ],
)
def test_a_url_that_cannot_be_redis_is_refused(url, said):
    refusals = list(RedisSettings(url=url).refusals(RootSettings()))
    assert len(refusals) == (said is not None)
    assert all(said in refusal for refusal in refusals)
