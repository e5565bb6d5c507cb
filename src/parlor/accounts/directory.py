"""Finding accounts, for rooms and commands that get an address from a person. All are functions of a transaction."""

from uuid import UUID

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.errors import AccountNotFound, InvalidEmail
from parlor.accounts.registry import NewAccount, Registry
from parlor.accounts.text import OPERATOR_USERNAME, normalise_email
from parlor.core.db import Transaction


class AccountDirectory:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def find(self, tx: Transaction, account_id: UUID) -> Account | None:
        return queries.find_account(tx, account_id)

    def find_by_email(self, tx: Transaction, email: str) -> Account | None:
        """In any spelling. What is no address belongs to nobody."""
        try:
            return queries.find_by_email(tx, normalise_email(email))
        except InvalidEmail:
            return None

    def get_by_email(self, tx: Transaction, email: str) -> Account:
        """Raises `AccountNotFound`, naming the address."""
        account = self.find_by_email(tx, email)
        if account is None:
            raise AccountNotFound(f"No account has the address {email}.")
        return account

    def first_administrator(self, tx: Transaction) -> Account | None:
        """The oldest active administrator: whom commands stand for when nobody is named."""
        accounts = (queries.find_account(tx, account_id) for account_id in queries.admin_ids(tx))
        return next((account for account in accounts if account is not None and account.is_active_admin), None)

    def operator(self, tx: Transaction) -> Account:
        """The account of whoever sits at this machine, for `parlor chat` in process. Made at the first call; nobody can sign in as it or take its name."""
        if (found := queries.find_by_username(tx, OPERATOR_USERNAME)) is not None:
            return found
        queries.reserve_name(tx, OPERATOR_USERNAME)  # two chats that start at once: one makes it, the other finds it
        found = queries.find_by_username(tx, OPERATOR_USERNAME)
        return found or self._registry.add(tx, NewAccount(username=OPERATOR_USERNAME, display_name="Operator"))
