"""Over HTTP: links to sign-ins, the way back of a browser, one's grants, and what nobody may ever see of them."""

import io
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from dishka import Provider
from starlette.responses import PlainTextResponse, Response

from parlor.accounts.erasure import Erasure
from parlor.core.db import Database, DatabaseSettings
from parlor.core.events import Event, Events, Subscriber
from parlor.tools import ToolError
from parlor.tools.mcp.oauth.events import McpGrantLost, McpGrantRevoked, McpSignedIn
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.ports import ToolCaller
from tests.support.chat import Person
from tests.support.clients import http_client
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed, open_served
from tests.support.mcp.oauth_server import OAuthServer
from tests.tools.mcp.oauth.conftest import ON_SQLITE, Servers, spec_of
from tests.tools.mcp.oauth.test_renewals import INVALID, let_expire

__all__ = ["open_served"]

OTHERS = tuple(f"logger={name}" for name in ("httpx2", "httpcore2.http11", "httpcore2.connection", "uvicorn.access", "uvicorn.error"))
HTML = {"Accept": "text/html"}
SETTINGS: dict[str, Any] = {"outbound.allow": ["127.0.0.1"], "log.level": "debug"}


@pytest.fixture
async def served(open_served: OpenServed, directory: Provider) -> ServedHouse:
    return await open_served(providers=[directory], settings=SETTINGS)


@pytest.fixture
async def ann(served: ServedHouse) -> Person:
    return await served.person()


@pytest.fixture
async def visitor() -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that has no cookie of ours, and looks for our server where it is."""
    async with http_client(headers=HTML) as client:
        yield client


async def follow(visitor: httpx2.AsyncClient, served: ServedHouse, url: str) -> httpx2.Response:
    """To the authorization server and back to our page. The house of the tests listens elsewhere than its settings say."""
    answer = await visitor.get(url, follow_redirects=False)
    return await visitor.get(answer.headers["location"].replace("http://127.0.0.1:8000", served.base_url))


async def signed_in(ann: Person, visitor: httpx2.AsyncClient, served: ServedHouse) -> httpx2.Response:
    answer = await ann.client.post("/mcp/servers/notes/sign-in")
    assert answer.status_code == 200, answer.text
    return await follow(visitor, served, answer.json()["url"])


async def test_a_person_signs_in_sees_the_grant_and_takes_it_back(served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient) -> None:
    page = await signed_in(ann, visitor, served)
    assert page.status_code == 200
    assert "<strong>notes</strong> can now be used in your name" in page.text
    (grant,) = (await ann.client.get("/mcp/grants")).json()["items"]
    assert (grant["server"], grant["issuer"], grant["is_renewable"]) == ("notes", server.issuer, True)
    assert (await (await served.person()).client.get("/mcp/grants")).json()["items"] == []
    assert (await ann.client.delete("/mcp/grants/notes")).status_code == 204
    assert server.issued[0].is_over, "it was revoked there too"
    assert (await ann.client.get("/mcp/grants")).json()["items"] == []
    assert (await ann.client.delete("/mcp/grants/notes")).json()["code"] == "mcp.no_such_grant"
    authorizer = await served.get(Authorizer)
    assert await authorizer.authorization(spec_of(server), ToolCaller(_id(ann))) is None


def _id(person: Person) -> UUID:
    return UUID(person.id)


@ON_SQLITE
async def test_the_page_runs_nothing_and_repeats_nothing(served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient) -> None:
    answer = await visitor.get(f"{served.base_url}/api/v1/mcp/oauth/callback?error=<script>&error_description=<b>call+us</b>&state=<i>")
    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert "call" not in answer.text
    page = await signed_in(ann, visitor, served)
    for each in (answer, page):
        assert each.headers["content-type"] == "text/html; charset=utf-8"
        assert each.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cache-control"] == "no-store"
    style = await visitor.get(str(page.url.join("../../../../pages/page.css")))
    assert style.status_code == 200
    assert (await ann.client.get("/mcp/oauth/callback?state=x")).json()["code"] == "mcp.sign_in_refused"


@ON_SQLITE
async def test_a_browser_where_somebody_else_is_signed_in_gives_them_nothing(
    served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient
) -> None:
    """Whoever sends their own link to another must not get the other's grant, as far as the browser tells us who sits there."""
    bob = {"email": "bob@example.com", "password": "a quiet river in may"}
    assert (await visitor.post(f"{served.base_url}/api/v1/auth/register?cookie=true", json=bob)).status_code == 201
    page = await signed_in(ann, visitor, served)
    assert page.status_code == 400
    assert "another account" in page.text
    assert server.count("/token") == 0


@ON_SQLITE
async def test_servers_that_nobody_signs_in_at_and_sign_ins_that_do_not_work_say_so(
    served: ServedHouse, server: OAuthServer, servers: Servers, ann: Person
) -> None:
    servers.specs["open"] = spec_of(server, key="open", name="open", uses_sign_in=False)
    assert (await ann.client.post("/mcp/servers/open/sign-in")).json()["code"] == "mcp.no_sign_in"
    assert (await ann.client.post("/mcp/servers/missing/sign-in")).json()["code"] == "mcp.no_such_server"
    server.trouble.registers = False
    answer = await ann.client.post("/mcp/servers/notes/sign-in")
    assert (answer.status_code, answer.json()["code"]) == (502, "mcp.sign_in_failed")
    assert answer.json()["detail"].endswith("refuses to register us: an operator has to agree on a client_id with it.")


@ON_SQLITE
async def test_a_public_https_address_has_a_client_document_that_is_used_where_it_can_be(
    open_served: OpenServed, directory: Provider, server: OAuthServer
) -> None:
    served = await open_served(providers=[directory], settings={**SETTINGS, "server.public_url": "https://chat.example.com/parlor"})
    ann = await served.person()
    document = (await ann.client.get("/mcp/oauth/client-metadata.json")).json()
    assert document["client_id"] == "https://chat.example.com/parlor/api/v1/mcp/oauth/client-metadata.json"
    assert document["redirect_uris"] == ["https://chat.example.com/parlor/api/v1/mcp/oauth/callback"]
    assert (document["token_endpoint_auth_method"], document["application_type"]) == ("none", "web")
    server.trouble.metadata = {"client_id_metadata_document_supported": True}
    url = httpx2.URL((await ann.client.post("/mcp/servers/notes/sign-in")).json()["url"])
    assert url.params["client_id"] == document["client_id"]
    assert server.count("/register") == 0


async def test_what_happens_to_grants_is_told(served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient) -> None:
    heard: list[Event] = []
    events = await served.get(Events)
    events.bind([Subscriber(f"test.{kind.name}", kind.name, lambda tx, event: heard.append(event), inside=True) for kind in (McpSignedIn, McpGrantRevoked)])
    server.trouble.back = {}
    await signed_in(ann, visitor, served)
    await ann.client.delete("/mcp/grants/notes")
    assert heard == [
        McpSignedIn(account_id=_id(ann), server="notes", issuer=server.issuer, scopes=()),
        McpGrantRevoked(account_id=_id(ann), server="notes", issuer=server.issuer, is_revoked_there=True),
    ]
    assert McpGrantLost.name == "mcp.grant_lost"


async def test_an_erased_account_leaves_nothing_here_and_nothing_that_works_there(
    served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient
) -> None:
    await signed_in(ann, visitor, served)
    begun = (await ann.client.post("/mcp/servers/notes/sign-in")).json()["url"]
    export = zipfile.ZipFile(io.BytesIO((await ann.client.get("/auth/me/export")).content))
    texts = {name: export.read(name).decode() for name in export.namelist()}
    assert '"server":"notes"' in texts["tools/tool_grants.json"].replace(" ", "").replace("\n", "")
    assert not [secret for secret in server.secrets() if secret in "".join(texts.values())]
    await (await served.get(Erasure)).erase(_id(ann))
    assert server.issued[0].is_over
    assert (await follow(visitor, served, begun)).status_code == 400
    rows = await _stored(served)
    assert rows["tool_grants"] == rows["tool_sign_ins"] == []


@ON_SQLITE
async def test_a_server_that_cannot_revoke_keeps_nobody_from_taking_a_grant_back(
    served: ServedHouse, server: OAuthServer, ann: Person, visitor: httpx2.AsyncClient
) -> None:
    await signed_in(ann, visitor, served)
    server.trouble.answers["/revoke"] = Response(status_code=503)
    assert (await ann.client.delete("/mcp/grants/notes")).status_code == 204
    assert (await ann.client.get("/mcp/grants")).json()["items"] == []


async def test_no_token_is_in_a_log_an_answer_or_the_database(
    capfd: pytest.CaptureFixture[str], open_served: OpenServed, directory: Provider, server: OAuthServer, visitor: httpx2.AsyncClient
) -> None:
    """SEC-47: also when what holds them fails."""
    served = await open_served(providers=[directory], settings=SETTINGS)  # here, because its log goes to where standard error is now
    ann = await served.person()
    page = await signed_in(ann, visitor, served)
    codes = [form["code"] for path, form in server.asked if path == "/token"]
    verifiers = [form["code_verifier"] for path, form in server.asked if path == "/token"]
    answers = [page.text, str(page.headers), (await ann.client.get("/mcp/grants")).text, (await ann.client.get("/auth/me/export")).text]
    authorizer, caller = await served.get(Authorizer), ToolCaller(_id(ann))
    await let_expire(served.container, caller)
    secret = server.issued[0].refresh
    for answer in (PlainTextResponse(secret, 500), PlainTextResponse(secret, 200), PlainTextResponse(secret, 302, {"Location": f"/{secret}"})):
        server.trouble.answers["/token"] = answer
        with pytest.raises(ToolError) as failure:
            await authorizer.authorization(spec_of(server), caller)
        answers.append(str(failure.value))
    server.heal()
    assert await authorizer.challenged(spec_of(server), caller, INVALID)
    server.issued[0].is_over = True
    await let_expire(served.container, caller)
    stored = repr(await _stored(served))
    assert await authorizer.authorization(spec_of(server), caller) is None
    stored += repr(await _stored(served))
    # the tests' own browser and the other side log their addresses in this process
    out = "\n".join(line for line in "".join(capfd.readouterr()).splitlines() if not line.endswith(OTHERS))
    assert "mcp.grant_lost" in out, "the log was looked at"
    places = {"answers": "\n".join(answers), "database": stored, "log": out}
    known = [*server.secrets(), *codes, *verifiers]
    assert len(known) >= 6
    assert [name for name, text in places.items() for each in known if each in text] == []


async def _stored(served: ServedHouse) -> dict[str, list[Any]]:
    """Every value of every table."""
    db = await served.get(Database)
    if db.is_postgres:
        settings = await served.get(DatabaseSettings)
        assert settings.url is not None
        connection = await asyncpg.connect(settings.url.get_secret_value())
        try:
            names = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            return {name: [tuple(row) for row in await connection.fetch(f'SELECT * FROM "{name}"')] for name in names}
        finally:
            await connection.close()
    settings = await served.get(DatabaseSettings)
    assert settings.url is not None
    with closing(sqlite3.connect(settings.url.get_secret_value().removeprefix("sqlite:///"))) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
