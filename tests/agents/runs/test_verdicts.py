"""What persons have said about a call, read back from the rows of its questions."""

from types import SimpleNamespace
from typing import Any

import pytest

from parlor.agents.runs.verdicts import verdicts_of
from parlor.turns import hash_of_call

SHOWN = {"to": "bob"}


def _row(decision: str, *, kind: str = "approval", arguments: Any = SHOWN, hashed: Any = SHOWN, **said: Any) -> Any:
    answer = {"decision": decision, **said}
    digest = hash_of_call("mail_send", hashed)
    return SimpleNamespace(call_id="call_0", kind=kind, tool="mail_send", key="size", arguments=arguments, arguments_hash=digest, answer=answer)


def _verdict(*rows: Any) -> Any:
    return verdicts_of(["call_0"], rows)["call_0"]


@pytest.mark.parametrize(("arguments", "is_approved"), [(SHOWN, True), ({"to": "eve"}, False), ({**SHOWN, "cc": "eve"}, False), (None, False)])
def test_a_yes_is_good_for_the_arguments_that_were_shown(arguments: Any, is_approved: bool) -> None:
    """SEC-23: whatever has become of the row since, nothing else is run without being asked about again."""
    assert _verdict(_row("approve", arguments=arguments)).is_approved is is_approved


@pytest.mark.parametrize(("written", "read"), [(1e16, 10**16), (1e300, 10**300), (2.0, 2), (-0.0, 0), ([{"n": 5e20}], [{"n": 5 * 10**20}])])
def test_a_number_that_the_database_writes_otherwise_is_the_same_number(written: Any, read: Any) -> None:
    assert _verdict(_row("approve", arguments={"n": read}, hashed={"n": written})).is_approved
    assert not _verdict(_row("approve", arguments={"n": 7}, hashed={"n": written})).is_approved


def test_what_is_made_is_what_was_shown_or_what_the_person_wrote() -> None:
    assert _verdict(_row("approve")).arguments == SHOWN
    edited = SimpleNamespace(**{**vars(_row("edit")), "answer": {"decision": "edit", "arguments": {"to": "eve"}}})
    assert (_verdict(edited).is_approved, _verdict(edited).arguments) == (True, {"to": "eve"})


def test_a_yes_outlives_the_questions_of_the_tool_itself() -> None:
    verdict = _verdict(_row("approve"), _row("approve", kind="form", form={"size": "M"}))
    assert (verdict.is_approved, verdict.answers["size"].form) == (True, {"size": "M"})
    assert _verdict(_row("reject", reason="no")).refusal == "no"
    assert _verdict().is_approved is False
