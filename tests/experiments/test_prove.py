"""`loadgen prove`, whole."""

import msgspec
import pytest

from loadgen.experiments.prove import SHARES, STALL_S, not_kept, prove
from loadgen.report.result import Result
from tests.report.samples import orders_run

TRIES = 3


@pytest.mark.faults
def test_the_instrument_agrees_with_arithmetic_and_overload_is_refused() -> None:
    """The stall is in p99, p99.9 and the maximum within 3 %; the loop that waits for answers shows it in its maximum only.

    A host that is busy with something else adds what arithmetic does not know, so it has three tries; an instrument that
    leaves out the wait, or adds one, is wrong in all of them.
    """
    for _ in range(TRIES):
        said: list[str] = []
        proof = prove(said.append)
        if proof.agrees:
            break
    by_name = {row.name: row for row in proof.rows}

    assert [row.name for row in proof.rows] == [name for name, _ in SHARES]
    assert proof.stalled_s >= STALL_S  # the fault happened
    assert proof.agrees, proof.rows
    assert by_name["p99"].callback_s < by_name["p99"].arithmetic_s / 10
    assert proof.refused
    assert len(said) == 2


@pytest.mark.parametrize(
    ("can_send_per_s", "found_per_s", "asked"),
    [
        (500e3, 500e3, [1_000e3]),
        (1_100e3, 500e3, [1_000e3, 2_000e3]),
        (5_000e3, 500e3, [1_000e3, 2_000e3, 4_000e3, 8_000e3]),
        (9_000e3, 500e3, [1_000e3, 2_000e3, 4_000e3, 8_000e3]),
    ],
)
def test_a_rate_that_was_kept_refuses_nothing(can_send_per_s: float, found_per_s: float, asked: list[float]) -> None:
    """The ceiling was found while a neighbour had the host, and twice that was kept: the first rate that was not is what
    has to be refused. It ends, too.
    """
    seen: list[float] = []

    def run(rate_per_s: float) -> Result:
        seen.append(rate_per_s)
        result = orders_run()
        throughput = msgspec.structs.replace(result.throughput, achieved_ratio=min(can_send_per_s / rate_per_s, 1.0))
        return msgspec.structs.replace(result, throughput=throughput)

    asked_per_s, result = not_kept(found_per_s, run)

    assert seen == asked and asked_per_s == asked[-1]
    assert result.throughput.achieved_ratio == min(can_send_per_s / asked[-1], 1.0)
