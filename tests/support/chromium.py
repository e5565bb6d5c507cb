"""The system's Chromium, for the tests that drive a page. Run as a program it prints where it is, or says how to get it."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ADVICE = """No Chromium that runs was found, and the browser tests need one.
  Debian: apt-get install chromium     macOS: brew install --cask chromium     Fedora: dnf install chromium
  Ubuntu's package is a snap, which containers cannot run: install Google Chrome instead.
  Installed elsewhere: CHROMIUM=/path/to/it ./dev test"""


def find_chromium() -> str:
    """One that answers, because Ubuntu's package is a script that may not run. Raises RuntimeError with what to do."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        path = shutil.which(name) if name else None
        if path and subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30).returncode == 0:
            return path
    raise RuntimeError(ADVICE)


@asynccontextmanager
async def run_chromium() -> AsyncIterator["Browser"]:
    """A browser that contacts nobody of its own accord."""
    from playwright.async_api import async_playwright

    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)  # its sandbox does not work for root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


if __name__ == "__main__":
    try:
        print(find_chromium())
    except RuntimeError as missing:
        sys.exit(str(missing))
