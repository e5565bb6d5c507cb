"""What a turn's credit was held for is told by the row of its hold alone."""

from uuid import UUID

from sqlalchemy import bindparam, select

from parlor.chat.sending import Question, Sender
from parlor.core.db import Database, Id, statement
from parlor.core.ids import new_id
from parlor.llm import ModelParams
from parlor.turns import TurnReader
from parlor.wallet.tables import HoldRow
from tests.support.house import ServedHouse

_hold = statement(
    select(HoldRow.model, HoldRow.agent, HoldRow.session_id, HoldRow.api_key_id, HoldRow.input_tokens, HoldRow.output_tokens, HoldRow.state).where(
        HoldRow.id == bindparam("turn_id", type_=Id())
    )
)


async def test_a_hold_names_model_agent_session_and_key_and_then_the_tokens(house: ServedHouse) -> None:
    ann = await house.person()
    session_id, key_id = UUID(await ann.new_session()), new_id()
    sender, turns, db = await house.get(Sender), await house.get(TurnReader), await house.get(Database)
    asked = Question(UUID(ann.id), session_id, text="Hello?", params=ModelParams(max_tokens=50), api_key_id=key_id)
    sent = await sender.send(asked)
    await turns.ended(sent.turn_id, UUID(ann.id))
    usage = (await ann.turn(str(sent.turn_id)))["usage"]
    row = await db.read(lambda tx: tx.run(_hold, turn_id=sent.turn_id).one())
    assert tuple(row) == ("main/fake", "assistant", session_id, key_id, usage["input_tokens"], usage["output_tokens"], "settled")


async def test_somebody_signed_in_uses_no_key(house: ServedHouse) -> None:
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    db = await house.get(Database)
    row = await db.read(lambda tx: tx.run(_hold, turn_id=UUID(turn["id"])).one())
    assert (row.api_key_id, str(row.session_id)) == (None, turn["session_id"])
