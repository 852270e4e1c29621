"""`python -m bench search`: small sizes of what it measures, and its records, which are gone on with."""

import json
from pathlib import Path

import pytest

from bench.search import command, simulated
from bench.search.command import main


def test_the_simulated_figures_hold_at_a_small_size(tmp_path: Path) -> None:
    """Five searches and one tuner of each kind; the record has the command that makes it again."""
    assert main(["simulated", "--scale", "0.05", "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "search-simulated.json").read_text())

    assert record["command"] == "python -m bench search simulated"
    assert [row["of"] for row in record["rows"]] == [5, 1, 1]


def test_a_tuner_that_finds_nothing_better_than_chance_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure can be missed: a tuner that always says its start is told so."""
    monkeypatch.setattr(simulated, "tuned", lambda seed, bound_us: simulated.START)

    assert not simulated.tuner(2, None)["holds"]


def test_a_real_one_goes_on_with_the_rows_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three pairs are in the record: one is made, and all three are kept."""
    made: list[int] = []

    def pair() -> simulated.Row:
        made.append(1)
        return {"answers": [], "overlap": True, "seconds": 1.0}

    monkeypatch.setitem(command.KINDS, "mock", (5, pair))
    main(["mock", "--count", "2", "--out", str(tmp_path)])
    main(["mock", "--count", "3", "--out", str(tmp_path)])

    assert len(made) == 3
    assert len(json.loads((tmp_path / "search-mock.json").read_text())["rows"]) == 3
