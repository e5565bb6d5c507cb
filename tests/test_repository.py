"""Rules for the files of the repository itself."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "parlor"
MOST_LINES = 400
REGISTRIES = [
    f"{name}.{zone}"
    for zone, names in {"org": "pypi npmjs pythonhosted", "com": "npmjs yarnpkg unpkg", "net": "jsdelivr", "io": "crates"}.items()
    for name in names.split()
]
"""In two parts each, because this file is looked at as well."""


def repository_files() -> Iterator[Path]:
    """Everything but what .gitignore names, so that it also works in a copy without git."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line and not line.startswith("#")] + [".git"]
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        yield from (Path(folder, name) for name in files if not any(fnmatch(name, pattern) for pattern in ignored))


def texts() -> Iterator[tuple[str, str]]:
    for path in repository_files():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # an image or a font
            continue


def python_files() -> list[Path]:
    return [path for path in repository_files() if path.suffix == ".py"]


def test_no_file_names_a_package_registry() -> None:
    named = [f"{name}: {host}" for name, text in texts() for host in REGISTRIES if host in text.lower()]
    assert not named


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    homes = re.compile(r"(?<![\w./~-])/(wor[k]|roo[t])/\w")
    here = [str(path) for path in (ROOT, Path.home()) if len(path.parts) > 2]  # "/parlor" may well be a route
    named = [name for name, text in texts() if homes.search(text) or any(path in text for path in here)]
    assert not named


def test_main_is_short() -> None:
    assert len((SOURCE / "main.py").read_text().splitlines()) < 100


def test_no_file_has_outgrown_its_noun() -> None:
    long = [f"{path.relative_to(ROOT)}: {lines}" for path in python_files() if (lines := len(path.read_text().splitlines())) > MOST_LINES]
    assert not long


def test_imports_point_down() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_a_room_uses_another_only_through_what_it_exports() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"core"}
    reached = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files()
        if path.is_relative_to(SOURCE) and (room := path.relative_to(SOURCE).parts[0]) in {*rooms, "core"}
        for name in imported_names(path)
        if (parts := name.split("."))[0] == "parlor" and len(parts) > 2 and parts[1] in rooms and parts[1] != room
    ]
    assert not reached


def locked() -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def declared(*, with_tools: bool) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    lists += [project["dependency-groups"]["dev"]] if with_tools else []
    return [Requirement(line) for each in lists for line in each]


def test_the_lock_has_what_the_project_asks_for() -> None:
    pins = locked()
    wrong = [str(need) for need in declared(with_tools=True) if not need.specifier.contains(pins.get(canonicalize_name(need.name), "0"))]
    assert not wrong, "run ./dev lock"


def test_everything_in_the_lock_is_pinned_by_hash() -> None:
    entries = re.split(r"^(?=\S)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    assert not [entry for entry in entries if "--hash=sha256:" not in entry or "://" in entry]


def test_every_dependency_is_explained_with_the_release_that_is_locked() -> None:
    rows = dict(re.findall(r"^\| ([\w.-]+) \|(?: \w+ \|)? ([\d.]+) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE))
    pins = locked()
    assert rows == {need.name: pins[canonicalize_name(need.name)] for need in declared(with_tools=False)}


@pytest.mark.parametrize("name", ["dev", ".ci/run"])
def test_the_two_programs_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / name], check=True)


def test_dev_without_arguments_lists_what_there_is() -> None:
    done = subprocess.run([ROOT / "dev"], capture_output=True, text=True, check=True)
    assert all(f"./dev {command}" in done.stdout for command in ("serve", "test", "sync", "lint", "bench", "lock", "docs"))
