"""R17: a consumer group that stands still. Producers do not notice; end to end is marked until all is read.

`python -m bench consuming` measures the same runs for the record.
"""

import pytest

from bench.consuming import BOUND, gone, slow
from loadgen.brokers.target import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def test_a_group_that_stood_still_reads_everything_in_the_end(kafka: Broker) -> None:
    """Stopped for 3 s: all is acknowledged and read, the run is complete, and the stop is in the latencies."""
    told = slow(kafka, before_s=4.0, stop_s=3.0, after_s=3.0)

    assert told["stopped_s"] >= 2.5
    assert (told["complete"], told["read"]) == (True, told["acked"])
    assert told["max_us"] >= 2.5e6
    assert told["negative"] == 0


def test_a_group_that_is_still_behind_makes_end_to_end_incomplete(kafka: Broker) -> None:
    """Stopped until after the end: what it did not read is said, and no latency is made up for it."""
    told = gone(kafka)

    assert not told["complete"]
    assert told["read"] < told["acked"]
    assert "not_all_consumed" in told["doubts"]


@pytest.mark.slow
def test_the_producers_do_not_notice(kafka: Broker) -> None:
    """Stopped for 10 s: the rate of acknowledgements changes by less than 5 %."""
    told = slow(kafka)

    assert told["complete"]
    assert told["max_us"] >= 9e6
    assert abs(told["change_while_stopped"]) < BOUND, told["acked_per_s"]
