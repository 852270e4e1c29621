"""`loadgen prove`, whole."""

import pytest

from loadgen.experiments.prove import SHARES, STALL_S, prove


@pytest.mark.faults
def test_the_instrument_agrees_with_arithmetic_and_overload_is_refused() -> None:
    """The stall is in p99, p99.9 and the maximum within 3 %; the loop that waits for answers shows it in its maximum only."""
    said: list[str] = []
    proof = prove(said.append)
    by_name = {row.name: row for row in proof.rows}

    assert [row.name for row in proof.rows] == [name for name, _ in SHARES]
    assert proof.stalled_s >= STALL_S  # the fault happened
    assert proof.agrees, proof.rows
    assert by_name["p99"].callback_s < by_name["p99"].arithmetic_s / 10
    assert proof.refused
    assert len(said) == 2
