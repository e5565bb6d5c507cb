"""The installation's secret."""

import stat
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from parlor.core.crypto import SECRET_FILE, SecretKey, load_secret_key, random_text
from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings


@pytest.fixture
def root(tmp_path: Path) -> RootSettings:
    return RootSettings(data_dir=tmp_path / "data")


def test_a_secret_is_made_once_and_only_its_owner_reads_it(root: RootSettings) -> None:
    first = load_secret_key(None, root)
    path = root.data_dir / SECRET_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(root.data_dir.stat().st_mode) == 0o700
    assert len(path.read_text().strip()) == 43
    assert [each.name for each in root.data_dir.iterdir()] == [SECRET_FILE]
    assert load_secret_key(SecretStr(""), root).sign("x") == first.sign("x")


def test_twenty_starts_at_once_agree_on_one_secret(root: RootSettings) -> None:
    barrier, seen = threading.Barrier(20), set[str]()

    def start() -> None:
        barrier.wait(10)
        seen.add(load_secret_key(None, root).sign("x"))

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 1
    assert [each.name for each in root.data_dir.iterdir()] == [SECRET_FILE]


def test_a_secret_that_others_can_read_is_closed_again(root: RootSettings) -> None:
    load_secret_key(None, root)
    path = root.data_dir / SECRET_FILE
    path.chmod(0o644)
    load_secret_key(None, root)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "\n\n"])
def test_a_damaged_secret_is_not_replaced_silently(root: RootSettings, content: str) -> None:
    root.data_dir.mkdir()
    (root.data_dir / SECRET_FILE).write_text(content)
    with pytest.raises(Misconfigured, match="damaged"):
        load_secret_key(None, root)
    assert (root.data_dir / SECRET_FILE).read_text() == content


def test_a_place_that_cannot_hold_a_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / SECRET_FILE).mkdir()
    with pytest.raises(Misconfigured, match=SECRET_FILE):
        load_secret_key(None, RootSettings(data_dir=tmp_path / "data"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="PARLOR_DATA_DIR"):
        load_secret_key(None, RootSettings(data_dir=tmp_path / "file" / "data"))


def test_the_secret_of_the_settings_makes_no_file(root: RootSettings) -> None:
    given = load_secret_key(SecretStr("a given secret"), root)
    assert given.sign("x") == load_secret_key(SecretStr(" a given secret "), root).sign("x")
    assert not root.data_dir.exists()


def test_production_makes_no_secret_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="PARLOR_AUTH__SECRET_KEY"):
        load_secret_key(None, RootSettings(environment="production", data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_signature_is_for_one_purpose_and_one_message() -> None:
    key = SecretKey(b"k" * 32)
    signature = key.sign("links", b"a file")
    assert len(signature) == 43
    assert key.verify("links", b"a file", signature)
    for purpose, message, text in (
        ("cursors", b"a file", signature),
        ("links", b"another", signature),
        ("links", b"a file", signature[:-1]),
        ("links", b"a file", "é" * 43),
        ("links", b"a file", "\ud800"),
        ("links", b"a file", ""),
    ):
        assert not key.verify(purpose, message, text)
    assert not SecretKey(b"o" * 32).verify("links", b"a file", signature)
    assert key.derive("a") != key.derive("b")


def test_random_texts_differ() -> None:
    assert len({random_text() for _ in range(1000)}) == 1000


def test_what_is_sealed_is_opened_only_by_the_same_secret_for_the_same_purpose() -> None:
    key, other = SecretKey(b"1" * 32), SecretKey(b"2" * 32)
    sealed = key.seal("tokens", b"a canary")
    assert b"canary" not in sealed
    assert len(sealed) == len(b"a canary") + 28
    assert key.seal("tokens", b"a canary") != sealed
    assert key.unseal("tokens", sealed) == b"a canary"
    assert key.unseal("headers", sealed) is None
    assert other.unseal("tokens", sealed) is None
    assert key.unseal("tokens", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert key.unseal("tokens", b"") is None
