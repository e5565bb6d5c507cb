"""What a Parlor without tool servers does not pay for."""

import subprocess
import sys


def test_the_library_is_loaded_with_the_first_connection_only() -> None:
    """It takes a second."""
    program = "import sys, parlor.tools.provider; print(sorted({'mcp', 'mcp_types', 'httpx2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
