from pathlib import Path

import pytest
from fastapi import Security

import parlor.core.web as web
from parlor.core.web.docs import STATIC, docs_router
from parlor.core.web.openapi import openapi
from parlor.core.web.routing import HouseRouter
from parlor.core.web.settings import ServerSettings
from tests.core.web.conftest import Log, Site, Stage, make_site, serve

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_every_operation_declares_its_errors_as_problems() -> None:
    document = openapi(make_site(ServerSettings()), "A site")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert operations
    for operation in operations:
        assert operation["responses"]["default"]["content"] == PROBLEM
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                assert response["content"] == PROBLEM, (operation["operationId"], status)
    assert document["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail", "code"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_declared_refusals_name_their_codes() -> None:
    document = openapi(make_site(ServerSettings()), "A site")
    responses = document["paths"]["/api/v1/greetings"]["post"]["responses"]
    assert responses["404"]["description"] == "Not found: `test.no_such_thing`"
    assert responses["402"]["description"] == "Not enough credit: `test.too_poor`"


def test_operations_say_whether_one_must_be_signed_in() -> None:
    document = openapi(make_site(ServerSettings()), "A site")
    assert "security" not in document["paths"]["/api/v1/things/{thing_id}"]["get"]
    assert document["paths"]["/api/v1/things/{thing_id}"]["delete"]["security"] == [{"bearer": []}, {"cookie": []}]


def test_operations_say_which_scope_lets_an_api_key_in() -> None:
    app = make_site(ServerSettings())

    @app.get("/mine", dependencies=[Security(lambda: None, scopes=["chat", "read"])])
    async def read_mine() -> str:
        """What is mine."""
        return "mine"

    operation = openapi(app, "A site")["paths"]["/mine"]["get"]
    assert operation["security"] == [{"bearer": []}, {"cookie": []}, {"key": ["chat"]}, {"key": ["read"]}]
    assert operation["description"] == "What is mine.\n\nAPI keys need the scope `chat` or `read`."
    assert "`auth.scope_missing`" in operation["responses"]["403"]["description"]


def test_aliases_are_left_out() -> None:
    assert "/things/{thing_id}" not in openapi(make_site(ServerSettings()), "A site")["paths"]


async def test_the_documentation_is_served_from_our_own_files(log: Log) -> None:
    app = make_site(ServerSettings())
    assert isinstance(app.router, HouseRouter)
    app.router.adopt(docs_router("A site"), "")
    async with serve(app, ServerSettings()) as port:
        site = Site(port, Stage())
        page = await site.get("/docs")
        assert page.status == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe-inline" not in page.headers["content-security-policy"].split("script-src")[1].split(";")[0]
        for path, kind in {"/docs/swagger-ui-bundle.js": "text/javascript", "/docs/swagger-ui.css": "text/css", "/docs/start.js": "text/javascript"}.items():
            answer = await site.get(path)
            assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        document = await site.get("/openapi.json")
        assert document.json["info"]["title"] == "Site"
        for path in ("/docs/../settings.py", "/docs/%2e%2e/settings.py", "/docs/NOTICE", "/docs/swagger/NOTICE"):
            assert (await site.get(path)).status == 404, path


@pytest.mark.parametrize("name", ["docs.html", "docs.js"])
def test_the_documentation_names_no_other_site(name: str) -> None:
    assert "//" not in (STATIC / name).read_text().replace("// Paths", "")


def test_vendored_files_come_with_their_licence() -> None:
    assert "Apache License" in (STATIC / "swagger" / "LICENSE").read_text()
    assert "sourceMappingURL" not in (STATIC / "swagger" / "swagger-ui.css").read_text()


def test_all_that_the_package_offers_is_there() -> None:
    assert all(getattr(web, name) is not None for name in web.__all__)
    with pytest.raises(AttributeError):
        _ = web.nothing  # pyright: ignore[reportAttributeAccessIssue]  # the point
    assert Path(web.__file__).name == "__init__.py"
