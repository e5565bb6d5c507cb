"""Coverage per room of src/parlor, out of the data that `coverage combine` left. Fails when one is below the bar."""

import sys
from collections import defaultdict
from pathlib import Path

import coverage

LEAST_PERCENT = 90.0
SOURCE = Path(__file__).parents[2] / "src" / "parlor"
REVISIONS = SOURCE / "migrations" / "versions"
"""Left out, as in the settings of coverage: Alembic loads them as modules of no package."""


def room_of(path: Path) -> str:
    """The folder below src/parlor; the files beside the folders are one room together."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else "parlor"


def measure(data: coverage.Coverage) -> dict[str, list[tuple[str, int, list[int]]]]:
    """Room -> (file, statements, lines that never ran). A file that no test imported counts with all its lines."""
    rooms: dict[str, list[tuple[str, int, list[int]]]] = defaultdict(list)
    for path in sorted(each for each in SOURCE.rglob("*.py") if REVISIONS not in each.parents):
        _, statements, _, missing, _ = data.analysis2(str(path))
        if statements:
            rooms[room_of(path)].append((str(path.relative_to(SOURCE)), len(statements), missing))
    return rooms


def main() -> int:
    data = coverage.Coverage()
    data.load()
    below: list[str] = []
    print(f"\n{'room':<14}{'lines':>8}{'missed':>8}{'covered':>10}")
    for room, files in sorted(measure(data).items()):
        total, missed = sum(count for _, count, _ in files), sum(len(lines) for _, _, lines in files)
        percent = 100 * (total - missed) / total
        print(f"{room:<14}{total:>8}{missed:>8}{percent:>9.1f}%" + ("" if percent >= LEAST_PERCENT else f"  below {LEAST_PERCENT:.0f}%"))
        if percent < LEAST_PERCENT:
            worst = sorted(files, key=lambda file: -len(file[2]))[:5]
            below += [f"  {name}: {len(lines)} of {count} missed: {', '.join(map(str, lines[:12]))}" for name, count, lines in worst if lines]
    if below:
        print("\nToo little of a room ran. Where most of it is missing:", *below, sep="\n")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
