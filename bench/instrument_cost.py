"""One measured process of `bench instrument cost`: produce_batch to a mock cluster, with the instrument or without."""

import json
import sys
import time
from typing import Any

from confluent_kafka import Producer

from loadgen import native
from loadgen.recorder.slab import Header, Slab, Slot, producer_at

BATCH = 1000
VALUE = b"x" * 200


def measured(instrument: str, count: int) -> dict[str, Any]:
    """CPU of this process for `count` records, sent and reported, µs."""
    slab = Slab.create(1)
    slab.words[Header.T0_NS] = time.monotonic_ns()
    slab.words[producer_at(0) + Slot.FIRST_MEASURED] = 0
    properties: dict[str, Any] = {
        "bootstrap.servers": "mock",
        "test.mock.num.brokers": 1,
        "linger.ms": 5,
        "queue.buffering.max.messages": 1_000_000,
    }
    client = None
    if instrument == "on":
        client = native.load().Client(slab.words, 0, "python")
        properties["plugin.library.paths"] = client.plugin_path
    producer = Producer(properties)
    producer.list_topics("t")
    sent = 0
    before_ns = time.process_time_ns()
    while sent < count:
        batch = [{"value": VALUE} for _ in range(BATCH)]
        if client is not None:
            client.expect(sent, BATCH)
        taken = producer.produce_batch("t", batch)
        if client is not None:
            client.settle()
        sent += taken
        producer.poll(0 if taken == BATCH else 0.005)
    producer.flush(30)
    return {"cpu_us": (time.process_time_ns() - before_ns) / 1000, "answered": client.answered if client else None}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
