"""Reading WWW-Authenticate: what is inside a quoted value is no parameter, and what is another scheme's is none of ours."""

import pytest

from parlor.tools.mcp.oauth.challenge import Wanted, scopes_in, union_of, wanted_by
from parlor.tools.mcp.specs import Challenge

METADATA = "https://tools.example.com/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", Wanted()),
        ("Bearer", Wanted()),
        (f'Bearer resource_metadata="{METADATA}"', Wanted(resource_metadata=METADATA)),
        ('bearer error="invalid_token", error_description="gone"', Wanted("invalid_token")),
        ('Bearer error=insufficient_scope,scope="files:read  files:write files:read"', Wanted("insufficient_scope", "files:read files:write")),
        ('Bearer realm="say \\"scope=x\\", error=y", scope="a"', Wanted(scope="a")),
        ('Basic realm="x", error="theirs", Bearer error="ours"', Wanted("ours")),
        ('Bearer scope="a", DPoP error="theirs", scope="b"', Wanted(scope="a")),
        ('Bearer scope="a", scope="b"', Wanted(scope="a")),
        ('Bearer scope="', Wanted()),
        ('Bearer scope="a\tb \x7f c"', Wanted(scope="c")),
        ("Bearer " + 'x="y", ' * 5000 + 'error="too late"', Wanted()),
    ],
)
def test_a_challenge_is_read_as_it_was_meant(header: str, wanted: Wanted) -> None:
    assert wanted_by(Challenge(401, header)) == wanted


def test_scopes_are_kept_in_order_and_once() -> None:
    assert union_of("b a", None, "a c") == "b a c"
    assert union_of(None, "") is None
    assert scopes_in('a "b" c\\d e') == "a e"
