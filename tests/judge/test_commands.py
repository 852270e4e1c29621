"""`loadgen compare` and `loadgen history` over folders on disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from loadgen.cli.compare import compare
from loadgen.cli.history import plot, show
from loadgen.errors import NotValid
from tests.judge.simulated import result


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of six runs: `old`, and `new` which is a fifth slower and has another librdkafka."""
    monkeypatch.setenv("LOADGEN_RESULTS", str(tmp_path))
    generator = np.random.default_rng(1)
    for which, (name, level, version) in enumerate((("old", 1e5, "2.16.0"), ("new", 8e4, "2.17.0"))):
        for index in range(6):
            folder = tmp_path / name / f"{which}{index}"
            folder.mkdir(parents=True)
            data = result(
                acked_per_s=level * generator.lognormal(0, 0.01),
                started_at=f"2026-11-0{which + 1}T0{index}:00:00.000+00:00",
                **{"client.librdkafka": version},
            )
            (folder / "result.json").write_text(json.dumps(data))
    return tmp_path


def test_compare_prints_the_table_and_exits_0(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A difference is not a failure; the version that changed is listed and marks the rows; markdown says the same."""
    code = compare(str(results / "old"), str(results / "new"), report_md=results / "c.md")

    told = capsys.readouterr().out
    assert code == 0
    assert told.startswith("changed") and "client.librdkafka: 2.16.0 → 2.17.0" in told and "-20" in told
    assert "| throughput" in (results / "c.md").read_text()


def test_compare_as_json_is_one_object(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else on standard output."""
    compare(str(results / "old"), str(results / "new"), json="-")

    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["grade"], told["runs_a"]) == ("loadgen.comparison/1", "changed", 6)


def test_compare_refuses_what_is_not_comparable(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5 by its error; with --force the first line is the stamp."""
    file = results / "new" / "10" / "result.json"
    data = json.loads(file.read_text())
    data["plan"]["partitions"] = 12
    file.write_text(json.dumps(data))

    with pytest.raises(NotValid, match="partitions"):
        compare(str(results / "old"), str(results / "new"))
    compare(str(results / "old"), str(results / "new"), force=True)

    assert capsys.readouterr().out.startswith("FORCED")


def test_history_finds_the_change_and_marks_the_version(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve runs, one series, the change at the seventh with the version that came with it."""
    code = show([results])

    told = capsys.readouterr().out
    assert code == 0
    assert "12 runs" in told and "changed at run 7" in told and "mark at run 7: client.librdkafka" in told


def test_creep_beyond_the_limit_exits_98(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fifth lost against the pinned version is flagged with a limit of 10 %, not with one of 30 %."""
    assert show([results], creep=["throughput.acked_per_s-10%"]) == 98
    assert "CREEP" in capsys.readouterr().out
    assert show([results], creep=["throughput.acked_per_s-30%"]) == 0
    assert show([results], creep=["throughput.acked_per_s-10%"], anchor="2.17") == 0


def test_history_is_drawn(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One SVG and PNG a metric, the same bytes each time, with what they show said in a line."""
    plot([results / "old", results / "new"], out=results / "pictures")
    first = (results / "pictures" / "history-1-throughput-acked_per_s.svg").read_bytes()
    plot([results / "old", results / "new"], out=results / "pictures")

    assert (results / "pictures" / "history-1-throughput-acked_per_s.svg").read_bytes() == first
    assert (results / "pictures" / "history-1-throughput-acked_per_s.png").read_bytes().startswith(b"\x89PNG")
    assert "at run 7" in capsys.readouterr().out
