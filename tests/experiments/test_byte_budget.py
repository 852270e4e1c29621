"""How much all runs of an experiment may send together."""

from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.experiments.byte_budget import ELSEWHERE_BYTES, OUR_OWN_BYTES, ByteBudget, default_max_bytes
from loadgen.experiments.capacity_request import request_of
from loadgen.experiments.run_door import Request, RunOutcome


def outcome(acked: int, *, cut: bool = False) -> RunOutcome:
    """A run of records of 100 bytes, a tenth more of them in its warm-up."""
    doubts = [{"code": "max_bytes"}] if cut else []
    messages = {"acked": acked, "attempted": acked, "warmup": {"attempted": acked // 10}}
    told: dict[str, Any] = {"messages": messages, "bytes": {"payload": acked * 100}, "verdict": {"doubts": doubts}}
    return RunOutcome(result=told, intervals=[], folder="runs/001")


@pytest.mark.parametrize(
    ("flags", "most"),
    [
        ({"start": "kafka"}, OUR_OWN_BYTES),
        ({"start": "mock"}, OUR_OWN_BYTES),
        ({"bootstrap_server": "10.0.0.1:9092"}, ELSEWHERE_BYTES),
        ({}, ELSEWHERE_BYTES),
    ],
)
def test_without_a_word_it_depends_on_whose_broker_it_is(flags: dict[str, Any], most: int) -> None:
    """One that was started for the experiment holds a run's records at a time; a search takes the same bound."""
    assert default_max_bytes(flags) == most
    assert request_of(flags or {"bootstrap_server": "127.0.0.1:1"}).max_bytes == most
    assert (
        request_of({**flags, "bootstrap_server": "127.0.0.1:1", "start": None, "max_bytes": "1GiB"}).max_bytes
        == 1 << 30
    )


def test_what_was_sent_counts_with_its_warm_up() -> None:
    """Each run may send what those before it left."""
    asked: list[int] = []

    def door(request: Request) -> RunOutcome:
        asked.append(int(request.flags["max_bytes"]))
        return outcome(1000)

    budget = ByteBudget(250_000)
    for _ in range(3):
        budget.cap(door)(Request(flags={}, folder="runs/001"))
    assert asked == [250_000, 140_000, 30_000]
    with pytest.raises(
        UsageError, match="--max-bytes 244 KiB of payload for all runs together: 322 KiB are sent; raise it"
    ):
        budget.cap(door)(Request(flags={}, folder="runs/001"))


def test_a_run_that_the_cap_cut_stands_for_nothing() -> None:
    """It ends the experiment, and is named."""
    budget = ByteBudget(1 << 20)
    with pytest.raises(UsageError, match="before the run in runs/001, which the cap cut"):
        budget.cap(lambda _: outcome(10, cut=True))(Request(flags={}, folder="runs/001"))
