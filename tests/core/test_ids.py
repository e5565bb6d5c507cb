import subprocess
import sys
import threading

import pytest

from parlor.core.ids import new_id


def test_ids_are_uuids_of_version_7_and_grow() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(set(ids))
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}


def test_threads_make_no_id_twice() -> None:
    made: list[int] = []
    start = threading.Barrier(4)

    def make() -> None:
        start.wait(10)
        made.extend([new_id().int for _ in range(3000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(made)) == 12_000


def test_the_random_part_is_not_handed_out_twice() -> None:
    tails = [new_id().int & ((1 << 62) - 1) for _ in range(2000)]
    assert len(set(tails)) == 2000


FORKS = """
import os
from parlor.core.ids import new_id
new_id()  # so that some are drawn ahead
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, new_id().bytes)
    os._exit(0)
os.wait()
print(os.read(reader, 16)[8:] != new_id().bytes[8:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_draws_random_bits_of_its_own() -> None:
    """In a small process: to fork one that runs tests takes half a minute."""
    assert subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True).stdout == "True\n"
