"""What arrives is what the source says, byte for byte, however many records are under way at once."""

from collections.abc import Iterator
from typing import Any

import confluent_kafka
import pytest

from loadgen.brokers.mock import MockCluster
from loadgen.messages.event_plan import EventPlan
from loadgen.messages.source import EventSource
from tests.native.conftest import RigMaker
from tests.native.test_records import hand_over

RECORDS = 3_000


def read_back(bootstrap: str, count: int) -> Iterator[tuple[bytes | None, bytes]]:
    """(key, value) of `count` records of topic t, in each partition's order."""
    consumer: Any = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "test"})
    consumer.assign([confluent_kafka.TopicPartition("t", partition, 0) for partition in range(2)])
    while count:
        message = consumer.poll(1)
        if message is not None and not message.error():
            count -= 1
            yield message.key(), message.value()
    consumer.close()


def plan_of(kind: str, keys: str, pool_size: int, producers: int) -> EventPlan:
    return EventPlan(
        kind=kind,  # type: ignore[arg-type]
        seed=7,
        run_token="7f3a9c21",
        producer=producers - 1,
        producers=producers,
        start_epoch_us=1_795_470_000_999_000,
        keys=keys,
        record_size=60 if kind == "raw" else None,
        pool_size=pool_size,
    )


@pytest.mark.parametrize("producers", [1, 3, 64])
@pytest.mark.parametrize("pool_size", [1, 7, 64, 1000])
@pytest.mark.parametrize(("kind", "keys"), [("stamped", "order"), ("stamped", "uniform:50"), ("raw", "order")])
def test_records_arrive_as_the_source_makes_them(
    rig: RigMaker, cluster: MockCluster, kind: str, keys: str, pool_size: int, producers: int
) -> None:
    """3,000 in flight at once, of few pooled ones and of many: none is overwritten by a later one's stamp."""
    sender = rig("native", linger_ms=5)
    source = EventSource(plan_of(kind, keys, pool_size, producers))
    sender.client.set_topic("t")
    hand_over(sender.client, source)
    sender.prime()

    cluster.pause()
    assert sender.send(RECORDS // 3) == (RECORDS // 3, 0)
    cluster.resume()
    assert sender.send(RECORDS // 3) == (RECORDS // 3, 0)
    sender.wait_answered(2 * RECORDS // 3)  # places are free again, and taken again
    assert sender.send(RECORDS // 3) == (RECORDS // 3, 0)
    sender.wait_answered(RECORDS)

    assert sender.client.claimed == 0
    arrived = sorted(read_back(cluster.bootstrap, RECORDS), key=repr)
    assert arrived == sorted((source.record(sequence, sequence) for sequence in range(RECORDS)), key=repr)
    assert sender.client.claimed == 0


def test_a_full_queue_gives_its_places_back(rig: RigMaker, cluster: MockCluster) -> None:
    """What librdkafka did not take is not under way; hundreds of refusals leave every place usable."""
    sender = rig("native", linger_ms=5, queue_buffering_max_messages=100)
    source = EventSource(plan_of("stamped", "order", 10, 1))
    sender.client.set_topic("t")
    hand_over(sender.client, source)
    sender.prime()
    cluster.pause()
    accepted, _ = sender.send(200)
    assert accepted == 100
    for _ in range(500):
        assert sender.send(100) == (0, 0)
    assert sender.client.claimed == 100
    cluster.resume()
    while sender.next_sequence < RECORDS:
        sender.send(RECORDS - sender.next_sequence)
        sender.producer.poll(0)
    sender.wait_answered(RECORDS)

    assert sender.client.claimed == 0
    arrived = sorted(read_back(cluster.bootstrap, RECORDS), key=repr)
    assert arrived == sorted((source.record(sequence, sequence) for sequence in range(RECORDS)), key=repr)
