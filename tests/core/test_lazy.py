"""What is loaded late, or not at all."""

import importlib
import subprocess
import sys

import pytest

from parlor.core.lazy import without

_START = "import sys; import parlor.config; from parlor.main import create_app; create_app(parlor.config.load()); print(*sorted(sys.modules))"


def test_without_a_package_its_import_fails_and_afterwards_works_again() -> None:
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules
    importlib.import_module("this")


def test_what_is_loaded_already_stays() -> None:
    with without("json"):
        import json
    assert json is sys.modules["json"]


def test_a_start_loads_neither_an_object_relational_mapper_nor_what_others_bring_along() -> None:
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "parlor.chat.api" in loaded
    assert not {"sqlalchemy.orm", "rich", "email_validator", "cryptography", "alembic", "pydantic.v1"} & loaded
