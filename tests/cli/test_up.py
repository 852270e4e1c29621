"""`loadgen up`: one line when ready, a clean end, nothing left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from loadgen.brokers.answers import answers
from tests.brokers.fakes import put_on_path
from tests.brokers.waiting import gone, wait_until


@contextmanager
def up(*arguments: str, environment: dict[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "loadgen", "up", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_prints_the_address_and_ends_on_a_signal(number: signal.Signals) -> None:
    """Standard output holds host:port and nothing else; exit 0; its broker is gone."""
    with up("mock", "--brokers", "2") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert answers(address, within_s=5, brokers=2)
        children = psutil.Process(process.pid).children()
        assert children
        process.send_signal(number)
        rest, words = process.communicate(timeout=30)

    assert process.returncode == 0
    assert rest == ""
    assert words.startswith("MOCK  no Kafka was involved")
    assert "Traceback" not in words
    assert all(gone(child.pid) for child in children)


def test_killed_it_leaves_no_broker() -> None:
    """SIGKILL of the command."""
    with up("mock") as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = psutil.Process(process.pid).children()
        process.kill()
        wait_until(lambda: all(gone(child.pid) for child in children))


def test_a_broker_that_ends_by_itself_ends_the_command() -> None:
    """Exit 3, and said."""
    with up("mock") as process:
        assert process.stdout is not None
        process.stdout.readline()
        for child in psutil.Process(process.pid).children():
            child.kill()
        _, words = process.communicate(timeout=30)

    assert process.returncode == 3
    assert "the mock ended by itself" in words


STARTS_FOR_EVER = """
import signal
if sys.argv[1] == "info": raise SystemExit(0)
open(os.environ["ASKED"], "w").write(str(os.getpid()))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True: signal.pause()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_before_it_is_ready_it_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    """An image that is still being fetched, say: the engine's client is ended, no traceback, no data left."""
    put_on_path(monkeypatch, tmp_path / "bin", docker=STARTS_FOR_EVER)
    asked, temporary = tmp_path / "asked", tmp_path / "temporary"
    temporary.mkdir()
    with up("kafka", environment={"ASKED": str(asked), "TMPDIR": str(temporary)}) as process:
        wait_until(lambda: asked.exists() and asked.read_text() != "")
        process.send_signal(number)
        said, words = process.communicate(timeout=30)

    assert (process.returncode, said, words) == (code, "", "")
    assert gone(int(asked.read_text()))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("kafka",), "Java 17 or newer and Maven"),
        (("redpanda",), "container engine"),
        (("mock", "--port", "9092"), "--port 9092"),
        (("mock", "--brokers", "0"), "--brokers 0"),
        (("pulsar",), "pulsar"),
    ],
)
def test_what_cannot_be_started_is_one_line_and_exit_2(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    """On a machine with neither Java nor an engine; no traceback, nothing on standard output."""
    bare = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    with up(*arguments, environment=bare) as process:
        said, words = process.communicate(timeout=60)

    assert process.returncode == 2
    assert said == ""
    assert named in words
    assert words.count("\n") == 1
