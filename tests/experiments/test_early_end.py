"""Runs that are ended by their own rows."""

import pytest

from loadgen.experiments.early_end import EarlyEnd
from loadgen.experiments.run_door import Stopped
from loadgen.report.result import Interval


def row(acked_per_s: float, phase: str = "measured") -> Interval:
    return Interval(
        second=1.0,
        length_s=1.0,
        phase=phase,  # type: ignore[arg-type]
        attempted=1,
        acked=1,
        failed=0,
        unknown=0,
        rejected=0,
        acked_per_s=acked_per_s,
        payload_mib_per_s=2.0,
        p50_us=None,
        p99_us=None,
        max_us=None,
        lateness_p99_us=None,
        request_rtt_p50_us=None,
        request_rtt_p99_us=None,
        outstanding=0,
        backpressure_us=0,
        cpu_share=None,
    )


def ended_at(early: EarlyEnd, rows: list[Interval]) -> int | None:
    for index, each in enumerate(rows):
        try:
            early(each)
        except Stopped:
            return index
    return None


@pytest.mark.parametrize(
    ("rates", "at"),
    [([50, 50, 900], 1), ([50, 900, 50, 900], None), ([900, 50, 40], 2), ([900, 900], None)],
)
def test_two_rows_in_a_row_must_be_below(rates: list[float], at: int | None) -> None:
    """One may be a pause."""
    early = EarlyEnd()
    early.below(100.0)

    assert ended_at(early, [row(rate) for rate in rates]) == at


def test_warm_up_and_drain_end_nothing() -> None:
    """Slow by nature, and not measured."""
    early = EarlyEnd()
    early.below(100.0)

    assert ended_at(early, [row(1, "warmup")] * 3 + [row(1, "drain")] * 3) is None


def test_each_run_begins_anew_and_what_was_seen_is_kept() -> None:
    """A slow last row of one run and a slow first row of the next are not two in a row; the exception has rate and bytes."""
    early = EarlyEnd()
    early.below(100.0)
    early(row(50))
    early.below(100.0)
    early(row(50))
    with pytest.raises(Stopped) as stopped:
        early(row(70))

    assert (stopped.value.acked_per_s, stopped.value.sent_bytes) == (60.0, 2 * 2.0 * (1 << 20))
    early.below(None)
    assert ended_at(early, [row(1)] * 5) is None
