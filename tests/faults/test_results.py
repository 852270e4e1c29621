"""The disk is full, read-only, or the program is killed while it saves: an old run, a new run, never half of one."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadgen.report import folder
from loadgen.report.result import read_result
from tests.faults.conftest import Recorder
from tests.faults.lab import Command, needs_root
from tests.report.samples import orders_run

pytestmark = pytest.mark.faults

RUN = ("--start", "mock", "-r", "500/s", "-d", "1s", "--warmup", "0", "-w", "1")


def inside(mount: str, place: Path) -> list[str]:
    """A command in a mount namespace of its own, in which a file system of a kind lies over a folder."""
    return ["unshare", "--mount", "sh", "-c", f'mount {mount} none "{place}" && exec "$@"', "sh"]


def files_below(place: Path) -> list[Path]:
    return [found for found in place.rglob("*") if found.is_file()]


@needs_root
def test_fault_12_the_disk_fills_while_a_run_is_saved(record: Recorder, tmp_path: Path) -> None:
    """R9: room for the probe before the run, not for the run: exit 2 and one line, no half run left, the numbers told."""
    (tmp_path / "runs").mkdir()
    look = f'"$@"; code=$?; find "{tmp_path}/runs" >&2; exit $code'
    wrapped = inside("-t tmpfs -o size=320k", tmp_path / "runs")
    command = Command(tmp_path, *RUN, wrapped=[*wrapped, "sh", "-c", look, "sh"])
    code, out, err = command.end()

    assert code == 2, err
    assert "No space left on device" in err
    assert "the run was not saved" in err
    assert "Traceback" not in err
    assert "acknowledged" in out
    left = [line for line in err.splitlines() if line.startswith(f"{tmp_path}/runs/")]
    assert left == [], "something half-written was left"
    record("R9", "12 results disk full", None, "exit 2, nothing left, the summary told")


@needs_root
def test_fault_12_the_results_folder_is_read_only(record: Recorder, tmp_path: Path) -> None:
    """Said before the run, not after it: exit 2 and nothing was sent."""
    (tmp_path / "runs").mkdir()
    code, out, err = Command(tmp_path, *RUN, wrapped=inside("-t tmpfs -o ro", tmp_path / "runs")).end()

    assert code == 2
    assert re.search("Read-only file system.*--out", err), err
    assert "no run was started" in err
    assert out == ""
    record("R9", "12 results folder read-only", None, "exit 2 before the run")


def test_fault_12_a_symbolic_link_is_not_written_through(record: Recorder, tmp_path: Path) -> None:
    """`--out` at a link: what it points to is left alone, whether it is there or not; a linked results root is followed."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("old")
    (tmp_path / "out").symlink_to("precious")
    (tmp_path / "dangling").symlink_to("nowhere")
    for link in ("out", "dangling"):
        code, out, err = Command(tmp_path, *RUN, "--out", str(tmp_path / link)).end()
        assert code == 2, err
        assert "Traceback" not in err
        assert "acknowledged" in out
    assert files_below(tmp_path / "precious") == [tmp_path / "precious" / "file"]
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").symlink_to("elsewhere")
    code, _, err = Command(tmp_path, *RUN).end()
    assert code == 0, err
    assert list(tmp_path.glob("elsewhere/*/result.json"))
    record("R9", "12 results behind a symbolic link", None, "target of --out untouched; a linked root followed")


SAVES = """
import sys
from pathlib import Path
from loadgen.report import folder
from tests.report.samples import HISTOGRAMS, orders_run

print("ready", flush=True)
while True:
    folder.save(Path(sys.argv[1]), "killed", orders_run(), [], HISTOGRAMS, extra_files={"report.html": b"x" * 300_000})
"""


def kill_while_saving(root: Path, after_s: float) -> int:
    """A program that saves runs in a loop, killed; how many it saved."""
    process = subprocess.Popen(
        [sys.executable, "-c", SAVES, str(root)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(after_s)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return len(folder.runs(root))


@pytest.mark.parametrize(
    "times", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["10", "200"]
)
def test_a_kill_while_a_run_is_saved_leaves_whole_runs_alone(record: Recorder, tmp_path: Path, times: int) -> None:
    """R9: SIGKILL at random instants of saving: every run that can be seen is whole; what was begun is hidden."""
    chance = random.Random(9)
    whole, saved = orders_run(), 0
    for turn in range(times):
        root = tmp_path / str(turn)
        saved += kill_while_saving(root, chance.uniform(0.0, 0.4))
        for seen in root.iterdir() if root.exists() else []:
            if seen.name.startswith("."):
                assert seen.name.startswith(".partial-")
                continue
            assert read_result(seen) == whole
            assert (seen / "report.html").stat().st_size == 300_000
            assert len(files_below(seen)) == 4
    assert saved > 0, "never killed after a first run"
    record("R9", "SIGKILL while saving", None, f"{times} kills, {saved} runs seen, 0 torn")
