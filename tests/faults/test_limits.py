"""The host gives less than a run needs: few files, little memory. One line, the right exit code, no traceback, nobody left."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.brokers.waiting import gone, wait_until
from tests.faults.conftest import Recorder
from tests.faults.lab import Command

pytestmark = pytest.mark.faults

RUN = ("--start", "mock", "-r", "500/s", "-d", "1s", "--warmup", "0")


def limited(what: int, amount: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(what, (amount, amount))


@pytest.mark.parametrize(
    ("files", "flags"),
    [
        (16, ("-w", "1")),
        (16, ("-w", "8")),
        (32, ("-w", "1")),
        (32, ("-w", "1", "--producers", "20")),  # each with a socket to the broker and pipes of its own
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_fault_18_few_files(record: Recorder, tmp_path: Path, files: int, flags: tuple[str, ...]) -> None:
    """RLIMIT_NOFILE: it runs, or says in one line that files are short and ends with 2 or 3; never a traceback."""
    command = Command(tmp_path, *RUN, *flags, before=limited(resource.RLIMIT_NOFILE, files))
    code, _, err = command.end(within_s=90)

    assert "Traceback" not in err, err
    assert code in (0, 2, 3), err
    if code:
        assert "open files" in err, err
        assert len(err.strip().splitlines()) == 1, err
    assert_nobody_left(command)
    record("18", f"18 RLIMIT_NOFILE={files}", None, f"{' '.join(flags)}: exit {code}")


@pytest.mark.parametrize("mib", [120, 350])
def test_fault_18_little_memory(record: Recorder, tmp_path: Path, mib: int) -> None:
    """RLIMIT_AS: it runs whole, or ends with a word and nothing saved.

    The word may be a library's own: numpy's and librdkafka's allocators end the process when they get nothing.
    """
    command = Command(tmp_path, *RUN, "-w", "1", before=limited(resource.RLIMIT_AS, mib << 20))
    code, _, err = command.end(within_s=90)

    if code == 0:
        assert command.result().messages.acked == 500
    else:
        assert err.strip(), "it ended without a word"
        assert not list(tmp_path.glob("runs/*")), "half a run was saved"
    assert_nobody_left(command)
    record("18", f"18 RLIMIT_AS={mib} MiB", None, f"exit {code}")


def assert_nobody_left(command: Command) -> None:
    """No process of the command's session lives on."""
    wait_until(lambda: not [pid for pid in psutil.pids() if session_of(pid) == command.process.pid])


def session_of(pid: int) -> int | None:
    try:
        return None if gone(pid) else os.getsid(pid)
    except ProcessLookupError:
        return None
