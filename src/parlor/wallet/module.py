"""The wallet room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.db import Database
    from parlor.core.events import Subscriber
    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData
    from parlor.wallet.budget_book import BudgetBook
    from parlor.wallet.service import WalletService
    from parlor.wallet.user_data import WalletUserData


def _provider() -> "dishka.Provider":
    from parlor.wallet.provider import wallet_provider

    return wallet_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.wallet import api, budgets_api, credits_api, usage_api, vouchers_api

    return (api.router, credits_api.router, vouchers_api.router, budgets_api.router, usage_api.router)


def _health(db: "Database") -> "Sequence[Check]":
    from parlor.wallet.checks import health

    return health(db)


def _jobs(db: "Database", wallet: "WalletService") -> "Sequence[Job]":
    from parlor.wallet.jobs import jobs

    return jobs(db, wallet)


def _subscribers(wallet: "WalletService", budgets: "BudgetBook") -> "Sequence[Subscriber]":
    from parlor.wallet.subscribers import budget_subscribers, subscribers

    return (*subscribers(wallet), *budget_subscribers(budgets))


def _user_data(user_data: "WalletUserData") -> "UserData":
    return user_data


def _invariants() -> "Sequence[Invariant]":
    from parlor.wallet.checks import invariants

    return invariants()


module = Module(
    name="wallet",
    settings="parlor.wallet.settings:WalletSettings",
    requires=("accounts",),
    provider=_provider,
    routes=_routes,
    cli="parlor.wallet.cli:app",
    cli_help="Credit: balances, grants, and whether the books agree.",
    commands={"wallet usage": "parlor.wallet.usage_cli:usage"},
    health=_health,
    jobs=_jobs,
    subscribers=_subscribers,
    user_data=_user_data,
    invariants=_invariants,
)
