"""The root command: what it loads, what it prints, how it ends. In this process where that says the same, else in one of its own."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from parlor import __version__
from parlor.cli import run
from tests.support.garden import install_garden

ENVIRON = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH") or name.startswith("COVERAGE")}
HEAVY = ("sqlalchemy", "fastapi", "aiohttp", "uvicorn", "alembic", "asyncpg")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def path_with(garden: Path) -> str:
    return os.pathsep.join([str(garden), *filter(None, [ENVIRON.get("PYTHONPATH")])])


def python(*arguments: str, garden: Path | None = None, **options) -> subprocess.CompletedProcess[str]:
    environ = {**ENVIRON, **options.pop("environ", {})}
    if garden is not None:
        environ["PYTHONPATH"] = path_with(garden)
    return subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False, **options)


def parlor(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return python("-m", "parlor", *arguments, **options)


@pytest.fixture
def garden(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    install_garden(folder)
    return folder


def test_help_lists_every_command_and_imports_none_of_them(garden):
    code = f"""
import sys
from parlor.cli import run
assert run(['--help']) == 0
print(*[name for name in {HEAVY} + ('garden.commands',) if name in sys.modules], file=sys.stderr)
"""
    done = python("-c", code, garden=garden)
    assert "Look after the garden." in done.stdout
    assert "rake" in done.stdout
    assert done.stderr.split() == []


def test_a_command_imports_no_other_modules_commands(garden):
    code = """
import sys
from parlor.cli import run
assert run(['config', 'validate']) == 0
print(*[name for name in sys.modules if name.startswith(('parlor', 'garden')) and name.endswith(('.cli', '.commands', '.api', '.service'))])
"""
    done = python("-c", code, garden=garden)
    assert done.stdout.splitlines()[-1].split() == ["parlor.cli", "parlor.config.cli"]


def test_a_command_does_not_read_what_the_others_are_for(garden):
    code = """
import sys
parsed = []
sys.addaudithook(lambda event, facts: parsed.append(str(facts[0])) if event == 'compile' else None)
from parlor.cli import run
for arguments in (['modules'], ['--help']):
    parsed.clear()
    assert run(arguments) == 0
    print('read', any('Rake.' in each for each in parsed))
"""
    done = python("-c", code, garden=garden)
    assert [line for line in done.stdout.splitlines() if line.startswith("read")] == ["read False", "read True"]


def test_the_command_of_an_installed_module_runs_with_a_container_of_its_own(garden):
    done = parlor("garden", "count", "--json", garden=garden, environ={"PARLOR_GARDEN__BEDS": "7"})
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"beds": 7}, "")


def test_a_module_adds_commands_to_the_root_and_to_anothers_group(garden):
    assert parlor("rake", garden=garden).stdout.split()[:2] == ["LINE", "NOTE"]
    assert parlor("config", "water", garden=garden).stdout == "watered\n"
    assert "Water the settings." in parlor("config", "--help", garden=garden).stdout
    assert parlor("config", "validate", garden=garden).returncode == 0


def test_json_may_stand_before_or_after_the_command(capsys):
    for arguments in (["--json", "modules"], ["modules", "--json"]):
        assert run(arguments) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {"name": "config", "origin": "built-in", "on": True} in rows


def test_a_module_that_is_off_is_listed_and_has_no_command(garden):
    off = {"PARLOR_MODULES__DISABLED": "garden"}
    rows = json.loads(parlor("modules", "--json", garden=garden, environ=off).stdout)
    assert rows[-1] == {"name": "garden", "origin": "installed: parlor-garden", "on": False}
    assert parlor("garden", "count", garden=garden, environ=off).returncode == 2


def test_the_version_needs_nothing_else(capsys, monkeypatch):
    monkeypatch.setenv("PARLOR_ENVIRONMENT", "nonsense")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"parlor {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "No such command 'confg'. Did you mean 'config'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["--nonsense"], "No such option: --nonsense"),
        (["config", "validat"], "No such command 'validat'. Did you mean 'validate'?"),
        (["config", "validate", "--nonsense"], "No such option: --nonsense"),
        (["config", "explain"], "Missing argument"),
        (["config", "validate", "extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, arguments, said):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["config"]])
def test_a_group_alone_shows_its_help_and_is_wrong_usage(capsys, arguments):
    assert run(arguments) == 2
    assert "Commands:" in capsys.readouterr().err


def test_bad_configuration_is_one_line_and_exit_code_78(capsys, monkeypatch):
    monkeypatch.setenv("PARLOR_SERVER__PORT", "abc")
    assert run(["config", "validate"]) == 78
    err = capsys.readouterr().err
    assert err.startswith("parlor: PARLOR_SERVER__PORT is 'abc'")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        ("refusal", 1, "parlor: There is no such bed.\n"),
        ("group", 1, "parlor: There is no such bed.\n"),
        ("abort", 1, "parlor: aborted.\n"),
        ("interrupt", 130, ""),
        ("crash", 1, "parlor: an internal error: ValueError: postgresql://[hidden]@host broke. Run it again with --debug to see where.\n"),
    ],
)
def test_an_error_is_one_line_without_a_traceback_and_without_secrets(garden, how, code, line):
    done = parlor("garden", "fail", how, garden=garden)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", line)


def test_the_traceback_comes_with_debug_and_without_secrets(garden):
    done = parlor("garden", "fail", "crash", "--debug", garden=garden)
    assert "Traceback" in done.stderr
    assert "canary" not in done.stderr


def test_a_control_character_from_the_database_does_not_reach_the_terminal(garden):
    assert "\x1b" not in parlor("rake", garden=garden).stdout


def shell(command: str, *, garden: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**ENVIRON, "COMMAND": f"{sys.executable} -m parlor", **({"PYTHONPATH": path_with(garden)} if garden else {})}
    return subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_reader_that_has_enough_is_no_error(garden):
    done = shell("$COMMAND rake --lines 200000 | head -n 1; echo ${PIPESTATUS[0]}", garden=garden)
    assert done.stdout.split() == ["LINE", "NOTE", "0"]
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_error(closed, here):
    done = shell(f"$COMMAND modules {closed}; echo $? > code")
    assert (here / "code").read_text() == "0\n"
    assert done.stderr == ""


def test_a_locale_without_our_letters_is_no_error(here):
    (here / "parlor.toml").write_text('[modules]\ndir = "zażółć"\n', encoding="utf-8")
    (here / "zażółć").mkdir()
    for locale in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}):
        done = parlor("config", "paths", "--json", environ=locale)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)
        assert parlor("config", "paths", environ=locale).returncode == 0


def test_an_interrupt_ends_quietly_with_130(garden, here, request):
    (garden / "garden" / "commands.py").write_text(
        "import asyncio, typer\nfrom parlor.command import command_line\napp = typer.Typer()\n"
        "@app.command()\ndef wait(ctx: typer.Context) -> None:\n    async def work(container):\n"
        "        print('waiting', flush=True)\n        await asyncio.sleep(60)\n    command_line(ctx).run(work)\n"
        "def water(): ...\ndef rake(): ...\n"
    )
    environ = {**ENVIRON, "PYTHONPATH": path_with(garden)}
    # a shell's background jobs ignore SIGINT, and so would the child; a handled signal is back to its default after exec
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler)))
    with subprocess.Popen(
        [sys.executable, "-m", "parlor", "garden", "wait"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


def test_two_modules_cannot_bring_one_command(garden):
    install_garden(garden, name="meadow")
    done = parlor("--help", garden=garden)
    assert done.returncode == 78
    assert "both bring the command 'rake'" in done.stderr


def test_a_reader_that_is_gone_already_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "parlor", "modules"], env=ENVIRON, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
