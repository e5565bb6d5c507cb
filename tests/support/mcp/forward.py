"""What the conformance suite starts as its client, `python forward.py PORT URL`: hands its task to a client that is there already, and ends as that says.

So sixteen scenarios need one house, and not sixteen that take seconds to open.
"""

import json
import os
import socket
import sys

if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        task = {"scenario": os.environ["MCP_CONFORMANCE_SCENARIO"], "context": os.environ.get("MCP_CONFORMANCE_CONTEXT"), "url": sys.argv[-1]}
        connection.sendall(json.dumps(task).encode() + b"\n")
        said = connection.makefile().read()
    sys.exit(said or 0)
