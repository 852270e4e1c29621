"""What a run reached, by its measured records or, where a slow cluster never came to them, by its seconds."""

from typing import Any

import pytest

from loadgen.experiments.reached import Reached, reached_by
from loadgen.experiments.run_door import RunOutcome
from tests.judge.simulated import result


def row(acked: int, phase: str = "measured") -> dict[str, Any]:
    return {"phase": phase, "acked": acked, "length_s": 0.5, "payload_mib_per_s": acked * 2 * 400 / (1 << 20)}


NOTHING = {"messages.acked": 0}
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], Reached | None]] = {
    "measured records": (
        {"messages.acked": 800_000, "bytes.payload": 80_000_000},
        [row(1)],
        Reached(200_000.0, 100.0, of_measured=True),
    ),
    "records of no payload": (
        {"messages.acked": 800_000, "bytes.payload": 0},
        [],
        Reached(200_000.0, 0.0, of_measured=True),
    ),
    "rows alone": (NOTHING, [row(2_000), row(3_000)], Reached(5_000.0, 400.0, of_measured=False)),
    "rows of the warm-up": (NOTHING, [row(2_000, "warmup")], None),
    "empty rows": (NOTHING, [row(0)], None),
    "nothing": (NOTHING, [], None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_run_reached(name: str) -> None:
    """The measured records' own rate; else what the measured seconds acknowledged, whoever's; else nothing."""
    changes, rows, expected = CASES[name]

    assert reached_by(RunOutcome(result=result(**changes), intervals=rows, folder="run")) == expected
