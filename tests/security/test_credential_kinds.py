"""SEC-01, SEC-09: every route x every kind of credential. Whoever it stands for, a key opens what its scopes say and a cookie serves our own pages."""

import httpx2
import pytest

from parlor.accounts.caller import SCOPES, Scope
from tests.security.outcomes import DECLARED, Declared
from tests.security.site import Member, Scene, Site
from tests.security.test_routes import outcome_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

PRIVATE = [route for route, declared in DECLARED.items() if declared.outcomes["anonymous"][0] == 401]
SAFE = ("GET", "HEAD")


async def ask(site: Site, route: str, declared: Declared, scene: Scene, headers: dict[str, str]) -> httpx2.Response:
    method, _, path = route.partition(" ")
    path = path.format(**{**scene.ids, **(declared.parameters or {})}) + declared.query
    body = await declared.body(site, scene) if declared.body else None
    return await site.admin_or_nobody.request(method, site.url + path, headers=headers, json=body)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize("route", PRIVATE)
async def test_a_key_that_is_over_opens_nothing(site: Site, route: str) -> None:
    declared, scene = DECLARED[route], await site.scene()
    before = await scene.seen()
    keys = await site.dead_keys()
    found = {name: outcome_of(await ask(site, route, declared, scene, bearer(key))) for name, key in keys.items() if name != "demoted"}
    expected = {"revoked": (401, "auth.api_key_revoked"), "expired": (401, "auth.api_key_expired"), "suspended": (403, "auth.suspended")}
    if " /v1/" in route:  # OpenAI's clients act on one code for whatever is wrong with a key
        expected = {name: (status, "invalid_api_key" if status == 401 else code) for name, (status, code) in expected.items()}
    assert found == expected
    if declared.scopes == ("admin",):
        assert outcome_of(await ask(site, route, declared, scene, bearer(keys["demoted"]))) == (403, "auth.administrators_only")
    assert await scene.seen() == before


@pytest.mark.parametrize("route", PRIVATE)
async def test_a_key_opens_what_its_scope_says(site: Site, route: str) -> None:
    declared, scene = DECLARED[route], await site.scene()
    is_for_administrators = declared.scopes == ("admin",)
    before, refused = await scene.seen(), [scope for scope in SCOPES if scope not in declared.scopes]
    code = "auth.scope_missing" if declared.scopes else "auth.key_not_allowed"
    for scope in refused:
        holder = site.admin if is_for_administrators or scope == "admin" else scene.owner
        assert outcome_of(await ask(site, route, declared, scene, bearer(await key_of(site, holder, scope)))) == (403, code), scope
    assert await scene.seen() == before
    for at, scope in enumerate(declared.scopes):
        scene = scene if at == 0 else await site.scene()
        key = await key_of(site, site.admin if is_for_administrators else scene.owner, scope)
        header = {"X-API-Key": key} if at == 0 else bearer(key)
        assert outcome_of(await ask(site, route, declared, scene, header)) == declared.outcomes["administrator" if is_for_administrators else "owner"], scope


async def key_of(site: Site, holder: Member, scope: Scope) -> str:
    return (await site.api_key(holder, scope))["key"] if holder is not site.admin else await site.admin_key(scope)


@pytest.mark.parametrize("route", PRIVATE)
async def test_a_cookie_is_as_good_as_its_owner_from_our_own_pages_alone(site: Site, route: str) -> None:
    """SEC-44"""
    declared, scene = DECLARED[route], await site.scene()
    cookie = {"Cookie": f"parlor_access={scene.owner.access_token}"}
    if not route.startswith(SAFE):
        before = await scene.seen()
        for headers in (cookie, {**cookie, "Origin": "null"}, {**cookie, "Origin": site.url, "Sec-Fetch-Site": "cross-site"}):
            status, code = outcome_of(await ask(site, route, declared, scene, headers))
            assert (status, code in ("auth.cross_origin", "request.foreign_origin")) == (403, True), code
        assert await scene.seen() == before
    expected = (403, "auth.administrators_only") if declared.scopes == ("admin",) else declared.outcomes["owner"]
    assert outcome_of(await ask(site, route, declared, scene, {**cookie, "Origin": site.url})) == expected
