"""The accounts room."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.accounts.erasure import Erasure
    from parlor.accounts.issuers import Issuers
    from parlor.accounts.jobs import Pruning
    from parlor.accounts.link_mails import LinkMails
    from parlor.accounts.mail.ports import Mailer
    from parlor.accounts.settings import AuthSettings
    from parlor.accounts.user_data import AccountsUserData
    from parlor.accounts.verification import EmailVerification
    from parlor.core.db import Database
    from parlor.core.events import Subscriber
    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.settings import RootSettings
    from parlor.core.userdata import UserData


def _provider() -> "dishka.Provider":
    from parlor.accounts.provider import AccountsProvider

    return AccountsProvider()


@cache
def _routes() -> "Sequence[APIRouter]":
    """Made once for all applications of a process, as those of the other rooms are: they know neither settings nor services."""
    from parlor.accounts.api import auth_router
    from parlor.accounts.api_keys_api import api_keys_router
    from parlor.accounts.devices_api import devices_router
    from parlor.accounts.google_api import google_router
    from parlor.accounts.mailbox_api import mailbox_router
    from parlor.accounts.pages_api import pages_router
    from parlor.accounts.privacy_api import privacy_router
    from parlor.accounts.users_api import users_router

    return [
        auth_router(), devices_router(), google_router(), mailbox_router(), api_keys_router(), users_router(), privacy_router(), pages_router(),
    ]  # fmt: skip


def _health(db: "Database", mailer: "Mailer", settings: "AuthSettings", root: "RootSettings", issuers: "Issuers") -> "Sequence[Check]":
    from parlor.accounts import checks
    from parlor.accounts.issuer_checks import issuer_checks
    from parlor.accounts.mail import checks as mail_checks
    from parlor.accounts.mock import mock_checks

    return [*checks.checks(db), *mail_checks.checks(mailer, settings.mail, root), *issuer_checks(issuers), *mock_checks(settings)]


def _jobs(pruning: "Pruning", mails: "LinkMails", erasure: "Erasure") -> "Sequence[Job]":
    return [pruning.job(), *mails.jobs(), erasure.job()]


def _subscribers(verification: "EmailVerification") -> "Sequence[Subscriber]":
    return verification.subscribers()


def _user_data(user_data: "AccountsUserData") -> "UserData":
    return user_data


def _invariants() -> "Sequence[Invariant]":
    from parlor.accounts.invariants import INVARIANTS

    return INVARIANTS


module = Module(
    name="accounts",
    settings="parlor.accounts.settings:AuthSettings",
    settings_key="auth",
    provider=_provider,
    routes=_routes,
    commands={
        "users": "parlor.accounts.cli:app",
        "users keys": "parlor.accounts.keys_cli:app",
        "users export": "parlor.accounts.privacy_cli:export",
        "users erase": "parlor.accounts.privacy_cli:erase",
    },
    health=_health,
    jobs=_jobs,
    subscribers=_subscribers,
    user_data=_user_data,
    invariants=_invariants,
)
