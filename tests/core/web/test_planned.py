"""A planned route answers as FastAPI alone would: the same functions behind both, the same requests, the same answers."""

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, Header, Query, Request, Response, Security
from fastapi.exceptions import ResponseValidationError
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel, Field

from parlor.core.errors import Unauthenticated
from parlor.core.web.app import House
from parlor.core.web.planned import plan_of
from parlor.core.web.problems import add_handlers
from parlor.core.web.routing import HouseRouter, Router

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Thing(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    amount: int = 0


async def _who(request: Request, needed: SecurityScopes, x_name: Annotated[str | None, Header()] = None) -> str:
    if x_name is None:
        raise Unauthenticated
    request.state.asked = getattr(request.state, "asked", 0) + 1
    return f"{x_name} for {' '.join(needed.scopes)}"


async def _greeted(request: Request, response: Response, who: Annotated[str, Security(_who, scopes=["read"])]) -> str:
    response.headers["x-greeted"] = f"{who}, asked {request.state.asked} times"
    return who


async def read_thing(
    thing_id: UUID,
    who: Annotated[str, Security(_who, scopes=["read"])],
    greeted: Annotated[str, Depends(_greeted)],
    most: Annotated[int, Query(ge=1, le=9)] = 5,
    kind: Literal["a", "b"] | None = None,
    is_new: Annotated[bool, Query(alias="new")] = False,
) -> dict[str, Any]:
    return {"id": thing_id, "who": who, "greeted": greeted, "most": most, "kind": kind, "new": is_new}


async def make_thing(body: Thing, response: Response, who: Annotated[str, Security(_who)]) -> Thing:
    if body.amount == 7:
        response.status_code = 200
        response.set_cookie("seven", "yes")
    return body


async def answer_itself() -> Thing:
    return Response("by itself", 203)  # type: ignore[return-value]


async def answer_wrongly() -> Thing:
    return {"name": ""}  # type: ignore[return-value]


def app_with(router: APIRouter) -> FastAPI:
    router.add_api_route("/things/{thing_id}", read_thing)
    router.add_api_route("/things", make_thing, methods=["POST"], status_code=201)
    router.add_api_route("/itself", answer_itself)
    router.add_api_route("/wrongly", answer_wrongly)
    app = House()
    add_handlers(app)
    HouseRouter.of(app).adopt(router, "")
    return app


def routes_of(router: APIRouter) -> list[APIRoute]:
    return [route for route in router.routes if isinstance(route, APIRoute)]


async def asked(app: FastAPI, method: str, path: str, **sent: Any) -> tuple[int, dict[str, str], Any]:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://house") as client:
        answer = await client.request(method, path, **sent)
    return answer.status_code, dict(answer.headers), answer.text


BOB = {"x-name": "Bob"}
JSON = {**BOB, "content-type": "application/json"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"/things/{ID}", {"headers": BOB}),
    ("GET", f"/things/{ID}?most=9&kind=b&new=true", {"headers": BOB}),
    ("GET", f"/things/{ID}?most=2&most=3&kind=a&unknown=1", {"headers": BOB}),
    ("GET", f"/things/{ID}?most=10&kind=c", {"headers": BOB}),
    ("GET", f"/things/{ID}?most=&new=", {"headers": BOB}),
    ("GET", "/things/7", {"headers": BOB}),
    ("GET", f"/things/{ID}", {}),
    ("GET", "/things/7?most=x", {}),
    ("POST", "/things", {"headers": BOB, "json": {"name": "one"}}),
    ("POST", "/things", {"headers": BOB, "json": {"name": "one", "amount": 7, "more": [1]}}),
    ("POST", "/things", {"headers": BOB, "json": {"name": "", "amount": "many"}}),
    ("POST", "/things", {"headers": BOB, "json": {}}),
    ("POST", "/things", {"headers": BOB, "json": None}),
    ("POST", "/things", {"headers": BOB, "json": [1]}),
    ("POST", "/things", {"headers": BOB}),
    ("POST", "/things", {"headers": JSON, "content": b""}),
    ("POST", "/things", {"headers": {**BOB, "content-type": "application/merge-patch+json"}, "content": b'{"name":"one"}'}),
    ("POST", "/things", {"headers": {**BOB, "content-type": "image/svg+json"}, "content": b'{"name":"one"}'}),
    ("POST", "/things", {"json": {"name": "one"}}),
    ("POST", "/things", {"json": {"name": ""}}),
    ("GET", "/itself", {}),
]


@pytest.mark.parametrize(("method", "path", "sent"), REQUESTS)
async def test_a_planned_route_answers_as_fastapi_would(method: str, path: str, sent: dict[str, Any]) -> None:
    ours = Router()
    planned, plain = app_with(ours), app_with(APIRouter())
    assert all(plan_of(route) for route in routes_of(ours))
    assert await asked(planned, method, path, **sent) == await asked(plain, method, path, **sent)


async def test_what_is_needed_twice_is_called_once() -> None:
    _, headers, text = await asked(app_with(Router()), "GET", f"/things/{ID}", headers=BOB)
    assert json.loads(text)["greeted"] == "Bob for read"
    assert headers["x-greeted"] == "Bob for read, asked 1 times"


async def test_an_answer_that_breaks_its_own_contract_is_an_error_of_ours() -> None:
    with pytest.raises(ResponseValidationError):
        await asked(app_with(Router()), "GET", "/wrongly")


async def _opened() -> AsyncGenerator[int]:
    yield 1


def _in_a_thread() -> int:
    return 1


async def with_cleanup(one: Annotated[int, Depends(_opened)]) -> int:
    return one


async def with_a_thread(one: Annotated[int, Depends(_in_a_thread)]) -> int:
    return one


async def with_two_bodies(one: Annotated[int, Body()], two: Annotated[int, Body()]) -> int:
    return one + two


async def with_a_list(names: Annotated[list[str], Query()]) -> list[str]:
    return names


async def with_a_cookie(name: Annotated[str | None, Cookie()] = None) -> str | None:
    return name


async def with_work_afterwards(tasks: BackgroundTasks) -> int:
    tasks.add_task(_in_a_thread)
    return 1


def that_is_no_coroutine() -> int:
    return 1


async def with_nothing_to_say() -> None: ...


@pytest.mark.parametrize(
    "endpoint",
    [
        with_cleanup, with_a_thread, with_two_bodies, with_a_list, with_a_cookie, with_work_afterwards, that_is_no_coroutine, with_nothing_to_say,
    ],
)  # fmt: skip
def test_what_is_not_foreseen_is_left_to_fastapi(endpoint: Any) -> None:
    router = Router()
    router.add_api_route("/x", endpoint, methods=["POST"], response_model=None if endpoint is with_nothing_to_say else Any)
    assert plan_of(routes_of(router)[0]) is None


async def test_a_route_that_is_left_to_fastapi_works() -> None:
    router, app = Router(), House()
    router.add_api_route("/cleanup", with_cleanup)
    router.add_api_route("/list", with_a_list)
    HouseRouter.of(app).adopt(router, "")
    assert (await asked(app, "GET", "/cleanup"))[2] == "1"
    assert (await asked(app, "GET", "/list?names=a&names=b"))[2] == '["a","b"]'


async def test_overrides_of_a_test_reach_a_planned_route() -> None:
    app = House()
    router = Router(dependency_overrides_provider=app)
    router.add_api_route("/things", make_thing, methods=["POST"])
    HouseRouter.of(app).adopt(router, "")

    async def somebody() -> str:
        return "somebody"

    app.dependency_overrides[_who] = somebody
    assert (await asked(app, "POST", "/things", json={"name": "one"}))[0] == 200
