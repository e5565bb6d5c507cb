"""The wallet over HTTP: everybody sees their own."""

from dishka.integrations.fastapi import FromDishka
from fastapi import Response

from parlor.accounts import WalletDep, WalletReadDep
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.core.web.pages import BadCursor
from parlor.wallet.schemas import EntryRead, WalletRead
from parlor.wallet.service import WalletService

router = Router(tags=["wallet"])


@router.get("/wallet")
async def read_wallet(caller: WalletReadDep, wallet: FromDishka[WalletService]) -> WalletRead:
    """The caller's wallet, made with its bonus when it is missing."""
    return WalletRead.model_validate(await wallet.read(caller.account_id))


@router.post("/wallet", status_code=201, responses={200: {"model": WalletRead, "description": "It was there already."}})
async def open_wallet(caller: WalletDep, wallet: FromDishka[WalletService], response: Response) -> WalletRead:
    """Makes the wallet if there is none. The bonus is given once, however often this is called."""
    balance, is_new = await wallet.open(caller.account_id)
    response.status_code = 201 if is_new else 200
    return WalletRead.model_validate(balance)


@router.get("/wallet/entries", responses=documents(BadCursor))
async def list_entries(caller: WalletReadDep, wallet: FromDishka[WalletService], page: PageDep) -> Page[EntryRead]:
    """The caller's ledger, newest first."""
    scope = f"wallet.entries:{caller.account_id}"
    entries = await wallet.list_entries(caller.account_id, before=page.after(scope, int), limit=page.fetch)
    shown, next_cursor = cut_page(entries, page.limit, scope, lambda entry: entry.number)
    return Page(items=[EntryRead.model_validate(entry) for entry in shown], next_cursor=next_cursor)
