"""/prices: what models cost, for administrators."""

from typing import Annotated

from dishka.integrations.fastapi import FromDishka
from fastapi import Query

from parlor.accounts import AdminDep, AdministratorsOnly
from parlor.core.web import Page, Router, documents
from parlor.llm.errors import UnknownModel
from parlor.llm.price_list import PriceList
from parlor.llm.schemas import ListedPriceRead, PriceUpdate
from parlor.wallet import Price

router = Router(tags=["models"])

ModelName = Annotated[str | None, Query(min_length=1, max_length=300, description="All prices that this model has had, the newest first.")]


@router.get("/prices", responses=documents(AdministratorsOnly, UnknownModel))
async def list_prices(_: AdminDep, prices: FromDishka[PriceList], model: ModelName = None) -> Page[ListedPriceRead]:
    """What every model costs now, or with `model` what one has cost when."""
    found = await prices.current() if model is None else await prices.history(model)
    return Page(items=[ListedPriceRead.of(each) for each in found])


@router.put("/prices", responses=documents(AdministratorsOnly, UnknownModel))
async def set_price(body: PriceUpdate, caller: AdminDep, prices: FromDishka[PriceList]) -> ListedPriceRead:
    """Counts for turns that begin afterwards. The same price again changes nothing."""
    price = Price(body.input_micros_per_mtok, body.output_micros_per_mtok)
    return ListedPriceRead.of(await prices.set(body.model, price, set_by=caller.account_id))
