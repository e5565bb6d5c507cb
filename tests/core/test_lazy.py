"""What is loaded late, or not at all."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

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


def test_a_start_loads_neither_an_object_relational_mapper_nor_what_others_bring_along(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLOR_")}
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True, cwd=tmp_path, env=environ)
    loaded = set(done.stdout.split())
    assert "parlor.chat.api" in loaded
    assert not {"sqlalchemy.orm", "rich", "email_validator", "cryptography", "alembic", "pydantic.v1"} & loaded
