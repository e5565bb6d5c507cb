"""/vouchers for administrators, and /wallet/vouchers for whoever has a code."""

from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Response

from parlor.accounts import AdminDep, AdministratorsOnly, WalletDep
from parlor.core.errors import RateLimited
from parlor.core.idempotency import BadIdempotencyKey, IdempotencyMismatch
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.core.web.pages import BadCursor
from parlor.wallet.errors import InvalidVoucher, NoSuchVoucher, VoucherCodeTaken, VoucherUsed
from parlor.wallet.request_keys import RequestKey
from parlor.wallet.schemas import EntryRead, IdempotencyHeader
from parlor.wallet.voucher_schemas import VoucherCreate, VoucherCreated, VoucherRead, VoucherUseCreate
from parlor.wallet.vouchers import Vouchers

router = Router(tags=["vouchers"])
_LIST = "vouchers"


@router.post("/vouchers", status_code=201, responses=documents(AdministratorsOnly, VoucherCodeTaken, BadIdempotencyKey, IdempotencyMismatch))
async def create_voucher(
    body: VoucherCreate, caller: AdminDep, vouchers: FromDishka[Vouchers], response: Response, idempotency_key: IdempotencyHeader = None
) -> VoucherCreated:
    """Make a voucher. The reply is the only place where its code can be read: only a hash of it is stored."""
    key = RequestKey.of(caller.account_id, idempotency_key, body.model_dump(mode="json", exclude_unset=True))
    created = await vouchers.create(body.order(caller.account_id), key)
    if created.is_repeat:
        response.headers["idempotency-replayed"] = "true"
    return VoucherCreated.of(created)


@router.get("/vouchers", responses=documents(AdministratorsOnly, BadCursor))
async def list_vouchers(_: AdminDep, vouchers: FromDishka[Vouchers], page: PageDep) -> Page[VoucherRead]:
    """All vouchers without their codes, newest first."""
    found = await vouchers.list(before=page.after(_LIST, UUID), most=page.fetch)
    shown, next_cursor = cut_page(found, page.limit, _LIST, lambda voucher: voucher.id)
    return Page(items=[VoucherRead.model_validate(voucher) for voucher in shown], next_cursor=next_cursor)


@router.delete("/vouchers/{voucher_id}", status_code=204, responses=documents(AdministratorsOnly, NoSuchVoucher))
async def revoke_voucher(voucher_id: UUID, _: AdminDep, vouchers: FromDishka[Vouchers]) -> None:
    """From now on nobody can use it. Whoever has used it keeps the credit."""
    await vouchers.revoke(voucher_id)


@router.post("/wallet/vouchers", status_code=201, responses=documents(InvalidVoucher, VoucherUsed, RateLimited, BadIdempotencyKey, IdempotencyMismatch))
async def use_voucher(
    body: VoucherUseCreate, caller: WalletDep, vouchers: FromDishka[Vouchers], response: Response, idempotency_key: IdempotencyHeader = None
) -> EntryRead:
    """Add the credit of a voucher, once per account. A code that is wrong, used up, expired or revoked gets one and the same answer."""
    key = RequestKey.of(caller.account_id, idempotency_key, body.code)
    used = await vouchers.use(caller.account_id, body.code, key)
    if used.is_repeat:
        response.headers["idempotency-replayed"] = "true"
    return EntryRead.model_validate(used.posted)
