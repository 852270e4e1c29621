"""The leash: nothing that was started outlives its starter, and its data neither."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadgen.brokers.leash import Leash
from loadgen.errors import Unreachable
from tests.brokers.waiting import gone, wait_until

SERVER = "import sys, signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def on_leash(folder: Path, source: str, ends_within_s: float = 10.0) -> Leash:
    """A Python program on a leash that has said a word."""
    folder.mkdir(exist_ok=True)
    leash = Leash([sys.executable, "-c", source], folder, folder / "log", ends_within_s)
    wait_until(lambda: (folder / "log").exists() and "up" in (folder / "log").read_text())
    return leash


def test_letting_go_ends_the_server_and_removes_its_folder(tmp_path: Path) -> None:
    """After close the process is gone and its data too; closing twice is allowed."""
    leash = on_leash(tmp_path / "data", SERVER)
    assert leash.running
    leash.close()

    assert gone(leash.pid)
    assert not (tmp_path / "data").exists()
    assert not leash.running
    leash.close()


@pytest.mark.parametrize("source", [SERVER, STUBBORN], ids=["willing", "deaf to SIGTERM"])
def test_a_paused_or_stubborn_server_ends_too(tmp_path: Path, source: str) -> None:
    """Asked first, made to after its time is up."""
    leash = on_leash(tmp_path / "data", source, ends_within_s=0.5)
    os.kill(leash.pid, signal.SIGSTOP)
    leash.close()

    assert gone(leash.pid)


def test_a_paused_server_is_asked_and_not_only_killed(tmp_path: Path) -> None:
    """It is set going again, so that it can end as it likes: a broker writes its clean-shutdown file."""
    farewell = tmp_path / "farewell"
    source = (
        "import signal, pathlib, sys\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(farewell)!r}).touch(), sys.exit()))\n"
        "print('up', flush=True)\nwhile True: signal.pause()"
    )
    leash = on_leash(tmp_path / "data", source)
    os.kill(leash.pid, signal.SIGSTOP)
    leash.close()

    assert farewell.exists()


def test_a_killed_starter_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL of the starter: server gone, folder gone."""
    folder = tmp_path / "data"
    folder.mkdir()
    code = (
        "import sys; from pathlib import Path; from loadgen.brokers.leash import Leash\n"
        f"leash = Leash([sys.executable, '-c', {SERVER!r}], Path({str(folder)!r}), Path({str(folder / 'log')!r}))\n"
        "print(leash.pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
        wait_until(lambda: gone(pid) and not folder.exists())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_killed_leash_leaves_no_server(tmp_path: Path) -> None:
    """The process between is not a way to leak one."""
    leash = on_leash(tmp_path / "data", SERVER)
    leash._process.kill()
    wait_until(lambda: gone(leash.pid))

    assert not leash.running
    leash.close()


def test_a_server_that_ends_by_itself_is_noticed_with_code_and_words(tmp_path: Path) -> None:
    """Its exit code and the end of its log are there to be told; its folder stays until the leash is let go."""
    leash = on_leash(tmp_path / "data", "print('up'); print('the disk is full'); raise SystemExit(7)")
    assert leash.wait(within_s=10)
    assert leash.exit_code == 7
    assert leash.tail() == "up | the disk is full"
    assert (tmp_path / "data").exists()
    leash.close()

    assert not (tmp_path / "data").exists()


def test_a_folder_can_be_kept_for_the_next(tmp_path: Path) -> None:
    """Starting again on the same data needs it."""
    leash = on_leash(tmp_path / "data", SERVER)
    leash.close(keep_folder=True)

    assert gone(leash.pid)
    assert (tmp_path / "data").is_dir()


def test_a_command_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    """The name and the system's reason."""
    with pytest.raises(Unreachable, match=r"could not start no-such-broker: .*No such file"):
        Leash(["no-such-broker"], tmp_path, tmp_path / "log")


def test_a_service_manager_that_stops_the_leash_stops_the_server(tmp_path: Path) -> None:
    """SIGTERM to the process between ends both; SIGINT is left to the starter."""
    leash = on_leash(tmp_path / "data", SERVER)
    assert os.getsid(leash.pid) != os.getsid(0)  # nor does Ctrl-C at a terminal reach it
    leash._process.send_signal(signal.SIGINT)
    leash._process.send_signal(signal.SIGTERM)
    wait_until(lambda: gone(leash.pid))
    leash.close()
