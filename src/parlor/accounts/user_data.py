"""What accounts hold about a person."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.accounts import api_key_queries, identity_queries, mailed_token_queries, queries, sign_in_queries
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.identities import ExternalIdentities
from parlor.accounts.mail.ports import Mailer
from parlor.core.db import Database, Transaction

MOST_EXPORTED_KEYS = 10_000


class AccountsUserData:
    name = "accounts"
    tables = ("accounts", "sign_ins", "refresh_tokens", "api_keys", "external_identities", "mailed_tokens", "erasures")
    describes: ClassVar[Mapping[str, str]] = {
        "account": "The account: names, address, preferences, role, groups.",
        "sign_ins": "Devices that are or were signed in, with where from, as far as they are still remembered.",
        "api_keys": "Keys for programs: names, beginnings and scopes. The keys themselves are not stored.",
        "external_identities": "Accounts elsewhere that open this one.",
        "mailed_links": "Links that were mailed: what for, to which address, until when. The links themselves are not stored.",
    }

    def __init__(self, db: Database, authenticator: Authenticator, identities: ExternalIdentities, mailer: Mailer) -> None:
        self._db = db
        self._authenticator = authenticator
        self._identities = identities
        self._mailer = mailer

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        def read(tx: Transaction) -> Mapping[str, Any]:
            account = queries.find_account(tx, account_id)
            if account is None:
                return {}
            sign_ins = [each._asdict() for each in sign_in_queries.list_sign_ins(tx, account_id)]
            api_keys = [each._asdict() for each in api_key_queries.list_page(tx, account_id, before=queries.NEWEST, most=MOST_EXPORTED_KEYS)]
            identities = [each._asdict() for each in identity_queries.list_identities(tx, account_id)]
            mailed = [each._asdict() for each in mailed_token_queries.list_tokens(tx, account_id)]
            rows = {"account": account, "sign_ins": sign_ins, "api_keys": api_keys, "external_identities": identities, "mailed_links": mailed}
            return {name: msgspec.to_builtins(value) for name, value in rows.items()}

        return await self._db.read(read)

    async def erase(self, account_id: UUID) -> int:
        """The row stays without the person in it, because the ledger points to it; nobody can sign in as it."""

        def erase(tx: Transaction) -> int:
            touched = sign_in_queries.delete_sign_ins(tx, account_id) + api_key_queries.delete_all(tx, account_id)
            touched += mailed_token_queries.delete_tokens(tx, account_id)
            touched += self._identities.erase(tx, account_id) + queries.erase_account(tx, account_id)
            tx.after_commit(lambda: self._authenticator.forget(account_id))
            return touched

        return await self._db.write(erase) + await self._mailer.forget(account_id)
