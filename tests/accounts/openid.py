"""What the tests of sign-ins elsewhere share."""

from typing import Any
from uuid import UUID

import httpx2
from dishka import AsyncContainer
from pydantic import SecretStr
from sqlalchemy import bindparam, func, select, update

from parlor.accounts import AuthSettings
from parlor.accounts.tables import AccountRow, ExternalIdentityRow, SignInFlowRow
from parlor.core.db import Database, Id, Transaction, statement
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, OpenIdServer

CALLBACK = "http://127.0.0.1:8000/api/v1/auth/google/callback"


def with_google(settings: AuthSettings, provider: OpenIdServer, **more: Any) -> AuthSettings:
    google = {"client_id": CLIENT_ID, "client_secret": SecretStr(CLIENT_SECRET), "issuer": provider.issuer, **more}
    return AuthSettings.model_validate({**settings.model_dump(), "google": google})


def with_issuer(settings: AuthSettings, provider: OpenIdServer, **more: Any) -> AuthSettings:
    issuer = {"issuer": provider.issuer, "audience": "authenticated", **more}
    return AuthSettings.model_validate({**settings.model_dump(), "issuers": [issuer]})


async def sign_in(client: httpx2.AsyncClient, id_token: str, status: int = 200) -> Any:
    answer = await client.post("/auth/google", json={"id_token": id_token})
    assert answer.status_code == status, answer.text
    return answer.json()


_verify = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id", type_=Id))
    .values(email_verified=bindparam("yes", type_=AccountRow.__table__.c["email_verified"].type))
)
_accounts = statement(select(func.count().label("rows")).select_from(AccountRow).where(AccountRow.erased_at.is_(None)))
_identities = statement(select(ExternalIdentityRow.account_id, ExternalIdentityRow.subject, ExternalIdentityRow.email).order_by(ExternalIdentityRow.id))
_flows = statement(select(func.count().label("rows")).select_from(SignInFlowRow))


def verify_email(tx: Transaction, account_id: UUID) -> None:
    tx.run(_verify, account_id=account_id, yes=True)


async def count_accounts(container: AsyncContainer) -> int:
    return await (await container.get(Database)).read(lambda tx: tx.run(_accounts).scalar())


async def identities(container: AsyncContainer) -> list[Any]:
    return await (await container.get(Database)).read(lambda tx: tx.run(_identities).all())


async def count_flows(container: AsyncContainer) -> int:
    return await (await container.get(Database)).read(lambda tx: tx.run(_flows).scalar())
