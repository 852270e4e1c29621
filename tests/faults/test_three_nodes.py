"""Three nodes, three replicas, two in sync: the leader of a third of the partitions is killed under load."""

import threading

import pytest

from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.target import Broker
from tests.conftest import require_kafka
from tests.faults.conftest import Recorder
from tests.faults.lab import READY_AGAIN_S, assert_accounted, kill_and_start_again, run

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow]

# a broker is missed after 3 s instead of 9
QUICK = {
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "4000",
}


@pytest.mark.timeout(300)
def test_a_leader_is_killed_and_another_takes_over(record: Recorder) -> None:
    """acks=all, idempotent: two thirds go on, the rest waits for its new leader; nothing lost, doubled or reordered."""
    require_kafka()
    with start_kafka("java", nodes=3, properties=QUICK, ready_within_s=READY_AGAIN_S) as nodes:
        broker = Broker("kafka", nodes.bootstrap, nodes.version, nodes.note, kafka=nodes)
        restart: list[threading.Thread] = []
        victim = nodes.nodes[2]  # the first alone is controller
        before = victim.pid
        try:
            result = run(
                {4: lambda: restart.append(kill_and_start_again(victim))},
                broker=broker,
                start="kafka",
                duration="30s",
                replication_factor="3",
                verify="ids",
            )
        finally:
            for thread in restart:
                thread.join()
        assert victim.pid != before

    assert_accounted(result)
    assert result.messages.acked == result.messages.attempted == 30_000
    assert result.broker.topic.replication_factor == 3
    assert result.recovery is not None
    longest = result.latency_us.response.max / 1e6 if result.latency_us.response else 0
    back = result.recovery.regained_after_s
    silence_s = result.recovery.longest_ack_gap_s
    told = f"silence {silence_s:.1f} s, 95 % after {'–' if back is None else f'{back:.1f} s'}, longest {longest:.1f} s"
    record("R6", "leader of three nodes SIGKILL", result, told)
