"""The contract of statements: the same on both engines, one test per type and clause; and what is refused when it is built."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, String, bindparam, case, delete, func, or_, select, text, update

from parlor.core.db import Base, ColumnOf, Database, Transaction, columns_of, in_ids, insert, statement
from parlor.core.db.statement import POSTGRES, SQLITE
from parlor.core.ids import new_id
from tests.core.db.conftest import Specimen

COLUMNS = ("id", "at", "body", "label", "story", "count", "micros", "is_open", "share", "bytes")
NOTHING: dict[str, Any] = dict.fromkeys(COLUMNS)

_insert = statement(insert(Specimen).values(columns_of(Specimen, *COLUMNS)).on_conflict_do_nothing().returning(Specimen.id))
_all_of = statement(select(Specimen).where(Specimen.id == bindparam("specimen_id")))


async def kept(db: Database, **values: Any) -> Any:
    """The row as it comes back."""
    specimen_id = new_id()

    def write(tx: Transaction) -> None:
        tx.run(_insert, **{**NOTHING, **values, "id": specimen_id})

    await db.write(write)
    return await db.read(lambda tx: tx.run(_all_of, specimen_id=specimen_id).one())


NOW = datetime(2026, 11, 20, 17, 3, 9, 123456, tzinfo=UTC)
VALUES: list[tuple[str, Any]] = [
    ("at", NOW),
    ("at", datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("at", datetime(1, 1, 1, tzinfo=UTC)),
    ("at", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("body", {"a": [1, 2.5, None, True, "ü", {"b": []}]}),
    ("body", []),
    ("body", ""),
    ("body", 0),
    ("body", False),
    ("body", 'text with " and \\ and \n'),
    ("label", "ünïcödé 🙂 '; DROP TABLE specimens; --"),
    ("story", ""),
    ("count", -(2**31)),
    ("micros", 2**63 - 1),
    ("micros", -(2**63)),
    ("is_open", True),
    ("is_open", False),
    ("share", 0.1),
    ("bytes", b"\x00\xff"),
]


@pytest.mark.parametrize(("column", "value"), VALUES)
async def test_a_value_comes_back_as_it_was_stored(specimens: Database, column: str, value: Any) -> None:
    found = getattr(await kept(specimens, **{column: value}), column)
    assert found == value
    assert type(found) is type(value)


async def test_ids_come_back_as_plain_uuids(specimens: Database) -> None:
    assert type((await kept(specimens)).id) is UUID


async def test_nothing_comes_back_as_none(specimens: Database) -> None:
    row = await kept(specimens)
    assert [getattr(row, name) for name in COLUMNS[1:]] == [None] * (len(COLUMNS) - 1)


async def test_a_time_of_another_zone_is_the_same_moment_in_utc(specimens: Database) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    row = await kept(specimens, at=there)
    assert row.at == NOW
    assert row.at.utcoffset() == timedelta(0)


async def test_a_time_without_zone_is_refused(specimens: Database) -> None:
    with pytest.raises(ValueError, match="zone"):
        await kept(specimens, at=NOW.replace(tzinfo=None))


async def test_times_are_ordered_as_moments(specimens: Database) -> None:
    moments = [NOW + timedelta(microseconds=each) for each in (1, -1, 0)]
    for moment in moments:
        await kept(specimens, at=moment)
    ordered = statement(select(Specimen.at).order_by(Specimen.at))
    assert await specimens.read(lambda tx: tx.run(ordered).scalars()) == sorted(moments)


async def test_ids_are_ordered_by_when_they_were_made(specimens: Database) -> None:
    made = [(await kept(specimens)).id for _ in range(5)]
    ordered = statement(select(Specimen.id).order_by(Specimen.id))
    assert await specimens.read(lambda tx: tx.run(ordered).scalars()) == made == sorted(made)


@pytest.mark.parametrize("how_many", [0, 1, 2, 500])
async def test_in_ids_takes_a_list_of_any_length(specimens: Database, how_many: int) -> None:
    rows = [(await kept(specimens)).id for _ in range(3)]
    among = statement(select(Specimen.id).where(in_ids(Specimen.id, "ids")).order_by(Specimen.id))
    asked = [*rows[:how_many], *(uuid4() for _ in range(how_many))]
    assert await specimens.read(lambda tx: tx.run(among, ids=asked).scalars()) == rows[:how_many]


async def test_in_ids_uses_the_index(specimens: Database) -> None:
    if specimens.is_postgres:
        plan = statement(text("SELECT 1 AS detail"))  # its planner decides by the number of rows; the operator is the one of indexes
        assert "= ANY" in statement(select(Specimen.id).where(in_ids(Specimen.id, "ids"))).on(POSTGRES).sql
    else:
        sql = statement(select(Specimen.id).where(in_ids(Specimen.id, "ids"))).on(SQLITE).sql
        plan = statement(text(f"EXPLAIN QUERY PLAN {sql.replace('?', ':ids')}").bindparams(bindparam("ids", type_=Specimen.bytes_.type)))
        details = await specimens.read(lambda tx: [row[3] for row in tx.run(plan, ids=b"").all()])
        assert any("SEARCH specimens USING" in detail for detail in details)


async def test_compare_and_set_returns_the_row_to_one_writer_only(specimens: Database) -> None:
    row = await kept(specimens, label="open")
    close = statement(
        update(Specimen)
        .where(Specimen.id == bindparam("specimen_id"), Specimen.label == bindparam("expected", type_=String()))
        .values(label=bindparam("new_label", type_=String()), count=func.coalesce(Specimen.count, 0) + bindparam("more", type_=Integer()))
        .returning(Specimen.label, Specimen.count)
    )

    def take(tx: Transaction) -> Any:
        return tx.run(close, specimen_id=row.id, expected="open", new_label="closed", more=2).one_or_none()

    assert tuple(await specimens.write(take)) == ("closed", 2)
    assert await specimens.write(take) is None


async def test_on_conflict_do_nothing_returns_no_row_and_leaves_the_transaction_usable(specimens: Database) -> None:
    row = await kept(specimens, label="first")

    def again(tx: Transaction) -> tuple[Any, str]:
        taken = tx.run(_insert, **{**NOTHING, "id": row.id, "label": "second"}).one_or_none()
        return taken, tx.run(_all_of, specimen_id=row.id).one().label

    assert await specimens.write(again) == (None, "first")


async def test_a_partial_unique_index_lets_one_open_row_through(specimens: Database) -> None:
    async def taken(*, is_open: bool) -> bool:
        def write(tx: Transaction) -> bool:
            return tx.run(_insert, **{**NOTHING, "id": new_id(), "label": "same", "is_open": is_open}).one_or_none() is not None

        return await specimens.write(write)

    assert [await taken(is_open=False), await taken(is_open=True), await taken(is_open=True), await taken(is_open=False)] == [True, True, False, True]


async def test_on_conflict_do_update_replaces(specimens: Database) -> None:
    base = insert(Specimen).values(columns_of(Specimen, *COLUMNS))
    upsert = statement(base.on_conflict_do_update(index_elements=[Specimen.id], set_={"label": base.excluded.label, "body": base.excluded.body}))
    row = await kept(specimens, label="old", body={"v": 1}, count=7)

    def write(tx: Transaction) -> None:
        tx.run(upsert, **{**NOTHING, "id": row.id, "label": "new", "body": {"v": 2}})

    await specimens.write(write)
    found = await specimens.read(lambda tx: tx.run(_all_of, specimen_id=row.id).one())
    assert (found.label, found.body, found.count) == ("new", {"v": 2}, 7)


async def test_literals_in_an_expression_keep_their_value(specimens: Database) -> None:
    row = await kept(specimens, count=5, is_open=True)
    judged = statement(select(case((Specimen.count > 3, "many"), else_="few").label("verdict"), Specimen.count + 10).where(Specimen.is_open.is_(True)))
    assert tuple(await specimens.read(lambda tx: tx.run(judged).one())) == ("many", 15)
    assert row.count == 5


async def test_one_parameter_may_stand_in_several_places(specimens: Database) -> None:
    await kept(specimens, label="here")
    either = statement(select(Specimen.label).where(or_(Specimen.label == bindparam("word"), Specimen.story == bindparam("word"))))
    assert await specimens.read(lambda tx: tx.run(either, word="here").scalars()) == ["here"]


async def test_limit_and_offset_are_parameters(specimens: Database) -> None:
    made = [(await kept(specimens)).id for _ in range(4)]
    page = statement(select(Specimen.id).order_by(Specimen.id).limit(bindparam("most", type_=Integer())).offset(bindparam("skip", type_=Integer())))
    assert await specimens.read(lambda tx: tx.run(page, most=2, skip=1).scalars()) == made[1:3]


async def test_many_rows_are_written_by_one_call(specimens: Database) -> None:
    plain = statement(insert(Specimen).values(columns_of(Specimen, *COLUMNS)))
    rows = [{**NOTHING, "id": new_id(), "at": NOW, "body": [number]} for number in range(50)]

    def write(tx: Transaction) -> None:
        tx.run_many(plain, rows)

    await specimens.write(write)
    bodies = statement(select(Specimen.body).order_by(Specimen.id))
    assert await specimens.read(lambda tx: tx.run(bodies).scalars()) == [[number] for number in range(50)]


async def test_deleting_returns_what_went(specimens: Database) -> None:
    row = await kept(specimens, label="gone")
    gone = statement(delete(Specimen).where(Specimen.label == bindparam("label")).returning(Specimen.id))
    assert await specimens.write(lambda tx: tx.run(gone, label="gone").scalars()) == [row.id]


async def test_text_with_columns_is_converted(specimens: Database) -> None:
    row = await kept(specimens, at=NOW, is_open=True)
    raw = statement(text("SELECT id, at, is_open FROM specimens").columns(Specimen.id, Specimen.at, Specimen.is_open))
    assert tuple(await specimens.read(lambda tx: tx.run(raw).one())) == (row.id, NOW, True)


async def test_a_missing_and_an_unknown_value_are_refused(specimens: Database) -> None:
    def missing(tx: Transaction) -> None:
        tx.run(_all_of)

    def unknown(tx: Transaction) -> None:
        tx.run(_all_of, specimen_id=new_id(), other=1)

    with pytest.raises(KeyError, match="specimen_id"):
        await specimens.read(missing)
    with pytest.raises(TypeError, match="other"):
        await specimens.read(unknown)


class WithDefault(Base):
    metadata = MetaData()
    __tablename__ = "with_default"
    id: ColumnOf[int] = Column(Integer, primary_key=True, autoincrement=False)
    made_by: ColumnOf[str] = Column(String, default="nobody")
    changed_by: ColumnOf[str] = Column(String, onupdate="nobody")


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES], ids=["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        (insert(WithDefault).values(id=bindparam("id")), "made_by"),
        (update(WithDefault).values(made_by=bindparam("who", type_=String())), "changed_by"),
        (select(Specimen.id).where(Specimen.label.in_(["a", "b"])), "in_"),
        (select(Specimen.id).where(bindparam("anything").is_(None)), "anything"),
    ],
    ids=["default", "onupdate", "in", "untyped"],
)
def test_what_the_driver_could_not_do_is_refused_when_it_is_built(dialect: Any, expression: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        statement(expression).on(dialect)


def test_a_statement_needs_sql_for_both_engines() -> None:
    with pytest.raises(ValueError, match="both engines"):
        statement(sqlite=text("SELECT 1"))


def test_a_statement_is_compiled_once_per_engine() -> None:
    one = statement(select(Specimen.id))
    assert one.on(SQLITE) is one.on(SQLITE)
    assert one.on(POSTGRES) is one.on(POSTGRES)
