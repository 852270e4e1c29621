"""`python -m bench search`: small sizes of what it measures, and its records, which are gone on with."""

import json
from pathlib import Path

import pytest

from bench.search import command, real, simulated
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


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("interval", 10.0, 20.0), ("interval", 20.0, 30.0), True),
        (("interval", 10.0, 20.0), ("interval", 21.0, 30.0), False),
        (("interval", 10.0, 20.0), ("at_least", 15.0, None), True),
        (("interval", 10.0, 20.0), ("at_least", 25.0, None), False),
        # what was found until a search gave up is no answer
        (("interval", 10.0, 20.0), ("unsteady", 12.0, 18.0), False),
        (("interval", 10.0, 20.0), ("below_min", None, 18.0), False),
    ],
)
def test_only_answers_overlap(
    first: tuple[str, float, float], second: tuple[str, float | None, float | None], overlap: bool
) -> None:
    """Intervals that touch do, an open end reaches upwards, and a search without an answer never does."""
    answers = [dict(zip(("bound", "low", "high"), each, strict=True)) for each in (first, second)]

    assert real.overlapping(answers) is overlap
