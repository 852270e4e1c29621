"""Records of a topic in batches, from given offsets to given offsets, as fast as one process can.

Goal: every record that the log holds in a range, once, with partition and offset, in the order of each partition.
Non-goal: groups, commits, what the records mean.
Place: `verify` reads everything back with it. Partitions are assigned, never subscribed to: no group is joined.

A partition ends where its end event says so, not where the last record was seen: transaction markers and compacted
offsets hold no record, so the last offset may never come.
"""

import gc
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from loadgen.consumer.client import make_consumer
from loadgen.errors import Unreachable

BATCH_RECORDS = 2_000  # 1 MB of orders stays in the cache: 1.1 µs a record, 1.4 for 20,000
WAIT_S = 0.2
PATIENCE_S = 30.0  # without any progress; a broker that restarts needs some of it

Offsets = npt.NDArray[np.int64]


@dataclass(slots=True)
class Batch:
    """Records as they came: all lists are of one length.

    Attributes:
        partitions, offsets: where each was found.
        keys, values: None where a record has none.
    """

    partitions: Offsets
    offsets: Offsets
    keys: list[bytes | None]
    values: list[bytes | None]

    def __len__(self) -> int:
        return len(self.values)


def read_ranges(
    bootstrap: str,
    topic: str,
    ranges: Mapping[int, tuple[int, int]],
    properties: Mapping[str, str],
    *,
    patience_s: float = PATIENCE_S,
) -> Iterator[Batch]:
    """Every record of the given offsets.

    Args:
        ranges: by partition: (first offset, the one after the last).
        properties: librdkafka's.

    Raises:
        Unreachable: nothing came for `patience_s`; the client's last word is told.
    """
    errors: list[str] = []
    consumer = make_consumer(bootstrap, properties, on_error=lambda error: errors.append(error.str()))
    ends = {partition: end for partition, (begin, end) in ranges.items() if end > begin}
    consumer.assign([TopicPartition(topic, partition, ranges[partition][0]) for partition in ends])
    last_progress = time.monotonic()
    # messages are tracked by the collector and die by their counts: its rounds would be a quarter of the reading
    collecting = gc.isenabled()
    gc.disable()
    try:
        while ends:
            messages = consumer.consume(BATCH_RECORDS, WAIT_S)
            if messages:
                batch, finished = _batch(messages, ends, errors)
                _leave(consumer, topic, finished)
                for partition in finished:
                    del ends[partition]
                if len(batch) or finished:
                    last_progress = time.monotonic()
                if len(batch):
                    yield batch
                    last_progress = time.monotonic()  # what the reader's user takes is not the cluster's delay
            if time.monotonic() - last_progress > patience_s:
                said = errors[-1] if errors else "no error was told"
                raise Unreachable(
                    f"{bootstrap}: {topic} partitions {sorted(ends)[:8]} gave nothing for {patience_s:.0f} s ({said})"
                )
    finally:
        if collecting:
            gc.enable()
        consumer.close()


def _batch(messages: list[Message], ends: Mapping[int, int], errors: list[str]) -> tuple[Batch, list[int]]:
    """The records among what was consumed, and the partitions that are through. 150 ns a record."""
    finished: set[int] = set()
    events = list(map(Message.error, messages))
    # by identity: KafkaError == None leaves an exception pending in the binding, which the next C call dies of
    happened = [at for at, event in enumerate(events) if event is not None]
    if happened:
        for at in happened:
            event, message = events[at], messages[at]
            assert event is not None
            if event.code() == KafkaError._PARTITION_EOF:
                partition, offset = message.partition(), message.offset()
                if partition is not None and offset is not None and offset >= ends.get(partition, 0):
                    finished.add(partition)
            else:
                errors.append(event.str())
        messages = [message for event, message in zip(events, messages, strict=True) if event is None]
    count = len(messages)
    partitions = np.fromiter(map(Message.partition, messages), np.int64, count)
    offsets = np.fromiter(map(Message.offset, messages), np.int64, count)
    within = offsets < _ends_of(partitions, ends)
    if not within.all():  # somebody still writes to the topic, or a partition that was through
        messages = [messages[index] for index in np.flatnonzero(within)]
        beyond = set(np.unique(partitions[~within]).tolist()) & ends.keys()
        finished |= beyond
        partitions, offsets = partitions[within], offsets[within]
    batch = Batch(partitions, offsets, list(map(Message.key, messages)), list(map(Message.value, messages)))
    for partition in np.unique(partitions).tolist():
        if offsets[partitions == partition].max() + 1 >= ends[partition]:
            finished.add(partition)
    return batch, sorted(finished & ends.keys())


def _ends_of(partitions: Offsets, ends: Mapping[int, int]) -> Offsets:
    """The end of each record's partition; 0 for one that is through."""
    table = np.zeros(int(partitions.max(initial=0)) + 1, np.int64)
    for partition, end in ends.items():
        if partition < len(table):
            table[partition] = end
    limits: Offsets = table[partitions]
    return limits


def _leave(consumer: Consumer, topic: str, partitions: list[int]) -> None:
    """Fetch no more of what is through."""
    if partitions:
        consumer.pause([TopicPartition(topic, partition) for partition in partitions])
