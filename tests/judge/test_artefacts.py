"""Runs in zips, as a CI hands them out."""

import json
import zipfile
from pathlib import Path

import pytest

from loadgen.cli.history import show
from loadgen.errors import UsageError
from loadgen.judge import artefacts, stored
from tests.judge.simulated import result


def archive(path: Path, runs: int, content: str | None = None) -> Path:
    """A zip of a gate's folder: runs below `gate/runs`, and other files beside them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("gate.xml", "<testsuites/>")
        for index in range(runs):
            data = result(acked_per_s=1e5 + index, started_at=f"2026-11-0{index + 1}T00:00:00+00:00")
            file.writestr(f"gate/runs/{index}/result.json", content or json.dumps(data))
    return path


def test_zips_and_folders_are_one_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three runs in a zip and one in a folder are a series of four; nothing is unpacked beside them."""
    archive(tmp_path / "artefact.zip", 3)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(json.dumps(result(started_at="2026-11-09T00:00:00+00:00")))
    before = sorted(tmp_path.rglob("*"))

    assert show([tmp_path]) == 0
    assert "4 runs, 2026-11-01" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_is_a_side_of_a_comparison(tmp_path: Path) -> None:
    """Named by itself, each run by its place inside."""
    path = archive(tmp_path / "a.zip", 2)

    assert [run.path for run in stored.side(str(path), tmp_path)] == [f"{path}/gate/runs/0", f"{path}/gate/runs/1"]


def test_a_zip_that_cannot_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No zip, cut, a result that is none, one too large whatever the zip says of it, no run at all: named, in a line."""
    (tmp_path / "text.zip").write_text("not a zip")
    whole = archive(tmp_path / "whole.zip", 2).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    archive(tmp_path / "other.zip", 1, '{"schema": "other/1"}')
    archive(tmp_path / "empty.zip", 0)
    for name, complaint in (
        ("text", "cannot be read as a zip"),
        ("cut", "cannot be read as a zip"),
        ("other", r"gate/runs/0/result\.json: schema"),
        ("empty", "no run below"),
        ("none", "no run below|cannot be read|no such"),
    ):
        with pytest.raises(UsageError, match=complaint) as caught:
            stored.side(str(tmp_path / f"{name}.zip"), tmp_path)
        assert f"{name}.zip" in str(caught.value)
    monkeypatch.setattr(artefacts, "MAX_RESULT_BYTES", 100)
    with pytest.raises(UsageError, match="below 4 MiB"):
        stored.side(str(tmp_path / "whole.zip"), tmp_path)
    monkeypatch.setattr(artefacts, "MAX_RUNS", 1)
    with pytest.raises(UsageError, match="2 runs in it"):
        stored.side(str(tmp_path / "whole.zip"), tmp_path)
