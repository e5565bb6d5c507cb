"""`python -m bench.fake_model --port 9999`: prints its base URL on one line when it listens."""

import argparse
import asyncio
import contextlib
import sys

from bench.fake_model.server import FakeModel


async def serve(host: str, port: int) -> None:
    async with FakeModel(port=port, host=host, keep=2_000) as fake:
        print(fake.base_url, flush=True)
        await fake.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fake_model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        if sys.platform == "win32":
            asyncio.run(serve(arguments.host, arguments.port))
        else:
            import uvloop

            uvloop.run(serve(arguments.host, arguments.port))


if __name__ == "__main__":
    main()
