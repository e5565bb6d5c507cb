"""What schemathesis makes of the OpenAPI document, sent to the running server: right and wrong data, and answers as the document says."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import ENGINES
from tests.security.conftest import new_site
from tests.security.site import Scene, Site

pytestmark = pytest.mark.either_engine

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance"

SETTINGS = """
[parameters]
"path.session_id" = "{session_id}"
"path.turn_id" = "{turn_id}"
"path.user_id" = "{user_id}"
"path.component" = "database"

# With the ids above it would leave nothing to try the others on; without, it finds nothing to delete.
[[operations]]
include-method = "DELETE"
enabled = false

# A model that answers nonsense is what these say 502 to, and the models here know nothing else.
[[operations]]
include-path = ["/api/v1/agent/analyze-intent", "/api/v1/chat/analyze"]
checks.not_a_server_error.enabled = false
"""


@pytest.fixture(params=ENGINES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """One of its own. Whoever fuzzes as an administrator changes what all others stand on: it learns names from answers, and sets the price of their model."""
    async with new_site(request, tmp_path) as opened:
        yield opened


async def fuzz(site: Site, folder: Path, scene: Scene, *options: str) -> tuple[int, str]:
    """As an administrator who owns the scene. The exit code, and the report."""
    other = await site.sign_up()
    settings = folder / "schemathesis.toml"
    settings.write_text(SETTINGS.format(**{**scene.ids, "user_id": other.id}))
    arguments = ["--config-file", str(settings), "run", f"{site.url}/openapi.json", "--checks", CHECKS, "--mode", "all", "--seed", "1", *options]
    with site.analysing():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", *arguments, "-H", f"Authorization: Bearer {scene.owner.access_token}"),
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


async def owner_and_administrator(site: Site) -> Scene:
    member = await site.sign_up()
    await site.change_user(member.id, role="admin")
    return await site.scene(await site.sign_in(member.email))


@pytest.mark.timeout(300)
async def test_answers_are_what_the_document_says(site: Site, tmp_path: Path) -> None:
    # The deterministic corners do not depend on the database, and take most of the time.
    phases = "examples,coverage,fuzzing" if site.engine == "sqlite" else "examples,fuzzing"
    code, said = await fuzz(site, tmp_path, await owner_and_administrator(site), "--phases", phases, "--max-examples", "6")
    assert code == 0, said[-8000:]
    await site.still_there()


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_answers_are_what_the_document_says_for_long(site: Site, tmp_path: Path) -> None:
    code, said = await fuzz(site, tmp_path, await owner_and_administrator(site), "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "60")
    assert code == 0, said[-8000:]
    await site.still_there()
