"""What is loaded late, or not at all."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from parlor.core.lazy import unbuilt_models, without

_START = "import sys; import parlor.config; from parlor.main import create_app; create_app(parlor.config.load())\n"
_LOADED = "print(*sorted(sys.modules))"
_BUILT = """
from fastapi.openapi.models import OpenAPI
print(OpenAPI.__pydantic_complete__, OpenAPI(openapi="3.1.0", info={"title": "A", "version": "1"}, paths={}).info.title)
"""


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


def test_models_of_a_library_are_built_when_they_are_first_used() -> None:
    with unbuilt_models():

        class Late(BaseModel):
            number: int

    class Now(BaseModel):
        number: int

    assert (Late.__pydantic_complete__, Now.__pydantic_complete__) == (False, True)
    assert (Late.model_validate({"number": "7"}).number, Late.__pydantic_complete__) == (7, True)
    assert "defer_build" not in BaseModel.model_config


def test_a_start_builds_no_validators_of_openapi(tmp_path: Path) -> None:
    assert _after_a_start(_BUILT, tmp_path) == ["False", "A"]


def test_a_start_loads_neither_an_object_relational_mapper_nor_what_others_bring_along(tmp_path: Path) -> None:
    loaded = set(_after_a_start(_LOADED, tmp_path))
    assert "parlor.chat.api" in loaded
    assert not {"sqlalchemy.orm", "rich", "email_validator", "cryptography", "alembic", "pydantic.v1"} & loaded


def _after_a_start(code: str, folder: Path) -> list[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLOR_")}
    return subprocess.run([sys.executable, "-c", _START + code], capture_output=True, text=True, check=True, cwd=folder, env=environ).stdout.split()
