"""Result files that somebody else wrote: cut off, huge, of another kind, with names that mean harm."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.cli.app import main
from loadgen.report import folder
from tests.report.samples import HISTOGRAMS, orders_run

pytestmark = pytest.mark.faults

HOSTILE_TOPIC = "orders\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A run's folder, good as yet."""
    return folder.save(tmp_path / "runs", "good", orders_run(), [], HISTOGRAMS)


def huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 30)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change the result as plain data and write it back, NaN and Infinity included."""

    def edit(path: Path) -> None:
        told = json.loads(path.read_text())
        change(told)
        path.write_text(json.dumps(told))

    return edit


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(b""),
        huge,
        lambda path: path.write_bytes(pickle.dumps({"schema": "loadgen.result/1"})),
        lambda path: path.write_bytes(b"[" * 200_000),
        lambda path: path.write_bytes(path.read_bytes().decode().encode("utf-16")),
        edited(lambda told: told["latency_us"]["response"].update(p99=float("nan"))),
        edited(lambda told: told["throughput"].update(acked_per_s=float("inf"))),
        edited(lambda told: told.update(schema="loadgen.result/99")),
    ],
    ids=["cut", "empty", "1 GB", "pickle", "deep", "UTF-16", "NaN", "Infinity", "schema"],
)
@pytest.mark.parametrize("command", ["report", "compare"])
def test_fault_20_a_damaged_result_is_one_line(
    stored: Path, spoil: Callable[[Path], object], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused with its name and exit 2; nothing is made from it."""
    before = sorted(stored.iterdir())
    spoil(stored / "result.json")
    code = main([command, str(stored), *([str(stored)] if command == "compare" else ["--format", "text"])])
    told = capsys.readouterr()

    assert code == 2
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert str(stored) in told.err
    assert sorted(stored.iterdir()) == before


def test_fault_20_names_that_mean_harm_are_shown_and_do_none(
    stored: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Escape sequences, markup and a run-id that climbs out of its folder: text, in the terminal and on the page."""
    edited(lambda told: (told["plan"].update(topic=HOSTILE_TOPIC), told.update(run_id="../../../climbed")))(
        stored / "result.json"
    )
    assert main(["report", str(stored), "--format", "text"]) == 0
    terminal = capsysbinary.readouterr().out
    assert main(["report", str(stored)]) == 0
    page = (stored / "report.html").read_text()

    assert b"\x1b" not in terminal
    assert b"\x07" not in terminal
    assert b"alert(1)" in terminal
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]
