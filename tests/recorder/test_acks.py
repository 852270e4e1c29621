"""The pure-Python instrument."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.recorder.acks import Acks
from loadgen.recorder.slab import Count, Header, Metric, Phase, Slab, Slot, producer_at
from loadgen.report.merge import Tally, messages, tally, view

MS = 1_000_000


@dataclass
class Report:
    """A delivery report as the client hands it over."""

    latency_s: float | None = 0.004
    size: int = 200

    def latency(self) -> float | None:
        return self.latency_s

    def __len__(self) -> int:
        return self.size


@dataclass
class Error:
    """A delivery error."""

    number: int

    def code(self) -> int:
        return self.number


def instrument(now_ns: int, *, timed: bool = True) -> tuple[Slab, Acks]:
    slab = Slab.create(1)
    slab.words[producer_at(0) + Slot.FIRST_MEASURED] = 10
    outcome = {-192: "unknown", 10: "failed"}
    return slab, Acks(slab, 0, timed=timed, outcome_of=outcome.__getitem__, now_ns=lambda: now_ns)


def counted(slab: Slab, phase: Phase) -> Tally:
    return tally([(view(slab), 1)], phase)


def test_a_record_belongs_to_a_phase_by_its_sequence() -> None:
    """Sequence 9 is warm-up, 10 is measured, whenever their answers come."""
    slab, acks = instrument(now_ns=100 * MS)
    acks.count(10, 0, None, Report())
    acks.count(9, 0, None, Report())
    acks.count(9, 0, None, Report())

    assert counted(slab, Phase.WARMUP).count(Count.ACKED) == 2
    assert counted(slab, Phase.MEASURED).count(Count.ACKED) == 1
    assert counted(slab, Phase.MEASURED).count(Count.PAYLOAD_BYTES) == 200
    assert acks.answered == [3]


def test_response_is_lateness_and_service() -> None:
    """Due at 90 ms, answered at 100 ms after 4 ms of service: late 6, response 10."""
    slab, acks = instrument(now_ns=100 * MS)
    acks.count(10, 90 * MS, None, Report(latency_s=0.004))
    measured = counted(slab, Phase.MEASURED)

    told = [measured.sum_us(metric) for metric in (Metric.LATENESS, Metric.SERVICE, Metric.RESPONSE)]
    assert told == [6000, 4000, 10_000]


@given(due_ns=st.integers(1, 10**9), late_ns=st.integers(0, 5000), service_ns=st.integers(0, 10**7))
def test_stamps_of_whole_microseconds_make_no_time_below_zero(due_ns: int, late_ns: int, service_ns: int) -> None:
    """Sent at or after it was due and read later; the client's stamps are whole microseconds, floored, told in seconds."""
    sent_ns, now_ns = due_ns + late_ns, due_ns + late_ns + service_ns
    age_s = (now_ns // 1000 - sent_ns // 1000) / 1e6
    slab, acks = instrument(now_ns)
    acks.count(10, due_ns, None, Report(latency_s=age_s))
    measured = counted(slab, Phase.MEASURED)

    assert measured.count(Count.NEGATIVE) == 0
    assert measured.sum_us(Metric.LATENESS) == sent_ns // 1000 - due_ns // 1000


def test_flat_out_has_no_response() -> None:
    """Without an intended time neither lateness nor response is recorded."""
    slab, acks = instrument(now_ns=100 * MS)
    acks.count(10, 0, None, Report())

    assert not counted(slab, Phase.MEASURED).cells(Metric.RESPONSE).any()


def test_outcomes_are_told_apart_by_code() -> None:
    """A definite error is failed, an indefinite one unknown, each counted by its code."""
    slab, acks = instrument(now_ns=0)
    acks.count(10, 0, Error(10), Report())
    acks.count(11, 0, Error(-192), Report())
    ledger = messages(counted(slab, Phase.MEASURED), {10: "MSG_SIZE_TOO_LARGE", -192: "_MSG_TIMED_OUT"})

    assert (ledger.failed, ledger.unknown, ledger.acked) == (1, 1, 0)
    assert ledger.errors == {"MSG_SIZE_TOO_LARGE": 1, "_MSG_TIMED_OUT": 1}


def test_acks_0_counts_but_does_not_time() -> None:
    """With acks=0 a report only says that the socket took the record."""
    slab, acks = instrument(now_ns=0, timed=False)
    acks.count(10, 1, None, Report())
    measured = counted(slab, Phase.MEASURED)

    assert measured.count(Count.ACKED) == 1
    assert not measured.histograms.any()


def test_a_time_below_zero_is_counted_apart() -> None:
    """A difference below zero is recorded as 0 and counted as negative, never dropped."""
    slab, acks = instrument(now_ns=100 * MS)
    acks.count(10, 99 * MS, None, Report(latency_s=0.004))
    measured = counted(slab, Phase.MEASURED)

    assert measured.count(Count.NEGATIVE) == 1
    assert measured.cells(Metric.LATENESS)[0] == 1


def test_an_error_inside_the_callback_is_counted_not_raised() -> None:
    """Nothing that goes wrong here takes another record's report with it."""
    slab, acks = instrument(now_ns=0)
    acks.count(10, 0, Error(999), Report())  # a code that the outcome table does not know raises there
    acks.count(11, 0, None, Report())

    assert slab.words[Header.CALLBACK_ERRORS] == 1
    assert counted(slab, Phase.MEASURED).count(Count.ACKED) == 1


def test_overflow_is_counted_and_kept_as_maximum() -> None:
    """A latency above 71 minutes is in no cell, but in the count of overflows and in the maximum."""
    slab, acks = instrument(now_ns=10_000 * 1_000_000_000)
    acks.count(10, 1, None, Report(latency_s=5000.0))
    measured = counted(slab, Phase.MEASURED)

    assert measured.overflow(Metric.SERVICE) == 1
    assert measured.maxima_us[Metric.SERVICE] == pytest.approx(5_000_000_000)
