"""Health and modules over HTTP."""

from typing import Annotated

from dishka.integrations.fastapi import FromDishka
from fastapi import Depends, Request

from parlor.accounts import AdminDep, bearer_of
from parlor.config import Settings
from parlor.core.errors import Unauthenticated
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router
from parlor.ops.board import HealthBoard, NoSuchComponent, overall
from parlor.ops.readiness import HealthReaders, NotReady, Readiness
from parlor.ops.schemas import Alive, ComponentRead, HealthRead, ModuleList, ModuleRead

router = Router(tags=["operations"])


async def _credential(request: Request) -> str | None:
    """None also for a header that is not ours: what anyone may see needs no credential."""
    try:
        return bearer_of(request)
    except Unauthenticated:
        return None


CredentialDep = Annotated[str | None, Depends(_credential)]


@router.head("//health", include_in_schema=False, openapi_extra=PUBLIC)
@router.get("//health", openapi_extra=PUBLIC)
async def read_health() -> Alive:
    """The process answers. Looks at nothing else."""
    return Alive()


@router.head("//health/live", include_in_schema=False, openapi_extra=PUBLIC)
@router.get("//health/live", openapi_extra=PUBLIC)
async def read_liveness() -> Alive:
    """The process answers: when it does not, start it again."""
    return Alive()


@router.head("//health/ready", include_in_schema=False, openapi_extra=PUBLIC)
@router.get("//health/ready", openapi_extra=PUBLIC, responses=documents(NotReady))
async def read_readiness(readiness: FromDishka[Readiness]) -> Alive:
    """Requests may be sent here: the database answers, and the process is not about to end."""
    await readiness.check()
    return Alive()


@router.get("/health/detailed", openapi_extra=PUBLIC, response_model_exclude_unset=True)
async def read_detailed_health(board: FromDishka[HealthBoard], readers: FromDishka[HealthReaders], credential: CredentialDep) -> HealthRead:
    """Every part of the house. Errors, latencies, details and advice are for administrators and the health token."""
    in_full = await readers.may_see_all(credential)
    seen = await board.look()
    return HealthRead(status=overall(seen), components={each.name: ComponentRead.of(each, in_full=in_full) for each in seen})


@router.get("/health/{component}", openapi_extra=PUBLIC, response_model_exclude_unset=True, responses=documents(NoSuchComponent))
async def read_component_health(component: str, board: FromDishka[HealthBoard], readers: FromDishka[HealthReaders], credential: CredentialDep) -> ComponentRead:
    return ComponentRead.of(await board.look_at(component), in_full=await readers.may_see_all(credential))


@router.get("/admin/modules")
async def list_modules(_: AdminDep, settings: FromDishka[Settings], board: FromDishka[HealthBoard]) -> ModuleList:
    status_of = {each.name: each.status for each in await board.look()}
    rows = [ModuleRead(name=row.module.name, origin=row.origin, on=row.is_on, health=status_of.get(row.module.name)) for row in settings.found]
    return ModuleList(items=rows)
