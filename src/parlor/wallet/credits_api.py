"""/users/{user_id}/grants and /refunds: what a payment system calls, and an administrator who makes good."""

from typing import Any
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Response

from parlor.accounts import AccountNotFound, AdminDep, AdministratorsOnly
from parlor.core.idempotency import BadIdempotencyKey, IdempotencyMismatch
from parlor.core.web import Router, documents
from parlor.wallet.crediting import Credited, Crediting
from parlor.wallet.credits import Note
from parlor.wallet.errors import NoSuchCharge, ReferenceUsed, RefundTooLarge
from parlor.wallet.request_keys import RequestKey
from parlor.wallet.schemas import EntryRead, GrantCreate, IdempotencyHeader, RefundCreate

router = Router(prefix="/users/{user_id}", tags=["wallet"])

_REPEATED: dict[int | str, dict[str, Any]] = {200: {"model": EntryRead, "description": "This reference was posted before, to the same end: its entry."}}
_REFUSALS = (AdministratorsOnly, AccountNotFound, ReferenceUsed, BadIdempotencyKey, IdempotencyMismatch)


@router.post("/grants", status_code=201, responses=_REPEATED | documents(*_REFUSALS))
async def grant_credit(
    user_id: UUID, body: GrantCreate, caller: AdminDep, crediting: FromDishka[Crediting], response: Response, idempotency_key: IdempotencyHeader = None
) -> EntryRead:
    """Give an account credit, once per `reference`: sent again it changes nothing, and answers 200 with the first entry."""
    key = RequestKey.of(caller.account_id, idempotency_key, str(user_id), body.model_dump(mode="json", exclude_unset=True))
    note = Note(body.note, caller.account_id) if body.note else None
    return _answer(response, await crediting.grant(user_id, body.amount_micros, reference=body.reference, note=note, key=key))


@router.post("/refunds", status_code=201, responses=_REPEATED | documents(*_REFUSALS, NoSuchCharge, RefundTooLarge))
async def refund_charge(
    user_id: UUID, body: RefundCreate, caller: AdminDep, crediting: FromDishka[Crediting], response: Response, idempotency_key: IdempotencyHeader = None
) -> EntryRead:
    """Give a charge back, in whole or in part, once per `reference`, and never more in sum than was charged."""
    key = RequestKey.of(caller.account_id, idempotency_key, str(user_id), body.model_dump(mode="json", exclude_unset=True))
    credited = await crediting.refund(
        user_id,
        reference=body.reference,
        turn_id=body.turn_id,
        entry_id=body.entry_id,
        amount_micros=body.amount_micros,
        note=Note(body.note, caller.account_id) if body.note else None,
        key=key,
    )
    return _answer(response, credited)


def _answer(response: Response, credited: Credited) -> EntryRead:
    """A repeated key gets the first answer again; a reference that was posted by another request is 200."""
    if credited.is_repeat or not credited.posted.is_new:
        response.headers["idempotency-replayed"] = "true"
        response.status_code = 201 if credited.is_repeat else 200
    return EntryRead.model_validate(credited.posted)
