"""`./dev bench`: the table of one run."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec

from bench.connection import WrongAnswer
from bench.plan import DEFAULT, QUICK
from bench.report import report
from bench.run import POSTGRES, SQLITE, run
from bench.servers import DidNotStart, Untidy


def main() -> int:
    arguments = _parsed()
    signal.signal(signal.SIGTERM, _leave)
    engines = [SQLITE] if arguments.no_postgres else [SQLITE, POSTGRES]
    plan = QUICK if arguments.quick else DEFAULT
    try:
        if arguments.profile:
            from bench.profiling import profile

            print(profile(plan, folder=arguments.folder, clients=16))
            return 0
        if arguments.adapters:
            from bench.adapters import costs, table

            print("\n".join(table(costs())))
            return 0
        outcome = run(plan, say=_say, engines=engines, folder=arguments.folder)
    except (WrongAnswer, DidNotStart, Untidy) as error:
        _say(f"There are no figures: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(report(outcome))
    if arguments.no_postgres:
        print("Postgres was left out (--no-postgres).")
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)) + b"\n")
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="How fast Parlor is, beside a relay that saves nothing. See docs/performance.md.")
    parser.add_argument("--quick", action="store_true", help="half a minute; the figures say little")
    parser.add_argument("--no-postgres", action="store_true", help="measure SQLite only")
    parser.add_argument("--profile", action="store_true", help="show where the time of a turn goes, on SQLite, instead of measuring")
    parser.add_argument("--adapters", action="store_true", help="what a chunk costs in each provider's protocol, instead of measuring turns")
    parser.add_argument("--folder", type=Path, help="where the databases of the run lie; it should be on a disk (default: the system's temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _leave(number: int, frame: FrameType | None) -> None:
    """A polite end too must end the servers: their blocks are left."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
