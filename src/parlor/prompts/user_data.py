"""What prompt customization holds about a person: the words that they have put over agents' prompts."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.userdata import each_row
from parlor.prompts import queries
from parlor.prompts.book import NEWEST, PromptBook
from parlor.prompts.customization import Customization

PAGE = 100


class PromptsUserData:
    name = "prompts"
    tables = ("prompt_customizations",)
    describes: ClassVar[Mapping[str, str]] = {"customizations": "Layers that were put over the prompts of agents, newest first."}

    def __init__(self, db: Database, book: PromptBook) -> None:
        self._db = db
        self._book = book

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        def page(tx: Transaction, last: Customization | None) -> list[Customization]:
            return list(queries.page(tx, account_id, None, last.id if last else NEWEST, PAGE))

        return {"customizations": each_row(self._db, page)}

    async def erase(self, account_id: UUID) -> int:
        return await self._book.erase(account_id)
