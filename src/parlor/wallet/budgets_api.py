"""Budgets over HTTP: administrators set those of accounts, owners those of their own API keys. No API key changes a budget."""

from uuid import UUID

from dishka.integrations.fastapi import FromDishka

from parlor.accounts import AccountNotFound, AdminDep, AdministratorsOnly, ApiKeys, CallerDep, NoSuchApiKey
from parlor.core.web import Router, documents
from parlor.wallet.budget_book import BudgetBook
from parlor.wallet.budget_schemas import BudgetsRead, BudgetsUpdate

router = Router(tags=["wallet"])


@router.get("/users/{user_id}/budgets", responses=documents(AdministratorsOnly, AccountNotFound))
async def read_budgets(user_id: UUID, _: AdminDep, budgets: FromDishka[BudgetBook]) -> BudgetsRead:
    """What an account may spend, and what of it is used in the periods that run."""
    return BudgetsRead.of(await budgets.read(user_id))


@router.put("/users/{user_id}/budgets", responses=documents(AdministratorsOnly, AccountNotFound))
async def set_budgets(user_id: UUID, body: BudgetsUpdate, _: AdminDep, budgets: FromDishka[BudgetBook]) -> BudgetsRead:
    """Set the most that an account may spend in a day, a month (UTC) or altogether. What is left out stays; null takes a budget away."""
    return BudgetsRead.of(await budgets.change(user_id, body.limits()))


@router.get("/api-keys/{api_key_id}/budgets", responses=documents(NoSuchApiKey))
async def read_key_budgets(api_key_id: UUID, caller: CallerDep, keys: FromDishka[ApiKeys], budgets: FromDishka[BudgetBook]) -> BudgetsRead:
    """What may be spent with one of the caller's keys, and what of it is used."""
    await keys.get(caller.account_id, api_key_id)
    return BudgetsRead.of(await budgets.read(caller.account_id, api_key_id))


@router.put("/api-keys/{api_key_id}/budgets", responses=documents(NoSuchApiKey))
async def set_key_budgets(api_key_id: UUID, body: BudgetsUpdate, caller: CallerDep, keys: FromDishka[ApiKeys], budgets: FromDishka[BudgetBook]) -> BudgetsRead:
    """Set the most that may be spent with one of the caller's keys. What is left out stays; null takes a budget away."""
    await keys.get(caller.account_id, api_key_id)
    return BudgetsRead.of(await budgets.change(caller.account_id, body.limits(), api_key_id))
