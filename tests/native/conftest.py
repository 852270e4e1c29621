"""A client of the C part: alone on a slab, or bound to a Producer at a mock cluster."""

import contextlib
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Literal

import confluent_kafka
import pytest

from loadgen import native
from loadgen.brokers.mock import MockCluster
from loadgen.native._native import Client
from loadgen.recorder.slab import (
    CELLS,
    CODE_OFFSET,
    CODES,
    CODES_AT,
    NOT_YET,
    Count,
    Metric,
    Phase,
    Slab,
    Slot,
    histogram_at,
    producer_at,
    set_at,
)

Mode = Literal["native", "python"]


@pytest.fixture
def slab() -> Iterator[Slab]:
    slab = Slab.create(2)
    yield slab
    slab.close()


@pytest.fixture
def client(slab: Slab) -> Iterator[Client]:
    """A native client that waits for its Producer."""
    client = native.load().Client(slab.words, 1, "native")
    yield client
    client.close()


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A mock cluster of one broker with topic `t` of 2 partitions, this test's alone: it may be broken."""
    with MockCluster.start(1) as cluster:
        cluster.create_topic("t", 2)
        yield cluster


class Rig:
    """One producer with its client and slab, and the few steps that every test takes.

    Attributes:
        reports: (error code or 0) of each delivery callback that Python got.
    """

    def __init__(self, slab: Slab, slot: int, mode: Mode, bootstrap: str, properties: dict[str, Any]) -> None:
        self.slab, self.slot, self.mode, self.words = slab, slot, mode, slab.words
        self.words[producer_at(slot) + Slot.FIRST_MEASURED] = 0
        self.reports: list[int] = []
        self.client = native.load().Client(slab.words, slot, mode, timed=properties.get("acks") != 0)
        self.topic, self.partition = "t", -1
        self.producer: Any = confluent_kafka.Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 0,
                "enable.metrics.push": False,
                "plugin.library.paths": self.client.plugin_path,
                "logger": _Silent(),
                "on_delivery": lambda error, _: self.reports.append(error.code() if error else 0),
                **properties,
            }
        )
        self.next_sequence = 0

    def aim(self, topic: str = "t", partition: int = -1, record: bytes = b"x" * 100) -> "Rig":
        """Where to and what; before the first send."""
        self.topic, self.partition, self.value = topic, partition, record
        if self.mode == "native":
            self.client.set_topic(topic, partition)
            self.client.set_records(record, array("Q", [0]), array("I", [len(record)]), "7f3a9c21", 0, 1)
        return self

    def prime(self) -> "Rig":
        """Wait until the topic's partitions are known: an idempotent producer's first record is slow without."""
        self.producer.list_topics(self.topic, timeout=10)
        return self

    def send(self, count: int) -> tuple[int, int]:
        """Hand over the next `count` records; (accepted, rejected)."""
        if self.mode == "native":
            accepted, rejected = self.client.send(self.next_sequence, count)
        else:
            accepted, rejected = self._produce(count)
        self.next_sequence += accepted + rejected
        return accepted, rejected

    def _produce(self, count: int) -> tuple[int, int]:
        accepted = rejected = 0
        self.client.expect(self.next_sequence, count)
        try:
            for _ in range(count):
                try:
                    self.producer.produce(self.topic, self.value, partition=self.partition)
                    accepted += 1
                except BufferError:
                    break
                except confluent_kafka.KafkaException:
                    rejected += 1
        finally:
            self.client.settle()
        return accepted, rejected

    def wait_answered(self, count: int) -> None:
        """Poll until that many records are answered; the test's own timeout bounds it."""
        while self.client.answered < count:
            with contextlib.suppress(confluent_kafka.KafkaException):  # a fatal error comes up in a poll
                self.producer.poll(0.02)

    def wait_queue_empty(self) -> None:
        """Poll until librdkafka holds no record: one that is answered keeps its place until its report is polled."""
        while len(self.producer) > 0:
            self.producer.poll(0.02)

    def counts(self, phase: Phase = Phase.MEASURED) -> dict[str, int]:
        """The counters of a set that are not zero, by name."""
        base = set_at(self.slot, phase)
        return {
            count.name: self.words[base + count]
            for count in Count
            if count < Count.METRICS and self.words[base + count]
        }

    def outcomes(self) -> tuple[int, int, int]:
        """(acked, failed, unknown) of both phases."""
        counts = [self.counts(phase) for phase in Phase]
        acked, failed, unknown = (sum(each.get(name, 0) for each in counts) for name in ("ACKED", "FAILED", "UNKNOWN"))
        return acked, failed, unknown

    def codes(self, phase: Phase = Phase.MEASURED) -> dict[int, int]:
        """Failures by librdkafka's code."""
        at = set_at(self.slot, phase) + CODES_AT
        return {code - CODE_OFFSET: self.words[at + code] for code in range(CODES) if self.words[at + code]}

    def values(self, metric: Metric, phase: Phase = Phase.MEASURED) -> int:
        """How many values a histogram holds."""
        at = histogram_at(self.slot, phase, metric)
        with self.words[at : at + CELLS] as cells:
            return sum(cells)

    def begin_measured(self, sequence: int) -> None:
        """Sequences from here on are of the measured phase."""
        self.words[producer_at(self.slot) + Slot.FIRST_MEASURED] = sequence

    def still_warming_up(self) -> None:
        """No sequence is of the measured phase."""
        self.begin_measured(NOT_YET)

    def close(self) -> None:
        """Producer first, then its client."""
        self.producer = None
        self.client.close()


class _Silent:
    """A logger that swallows what librdkafka says of the faults that a test makes."""

    def log(self, *_: object) -> None:
        """Nothing."""


RigMaker = Callable[..., Rig]


@pytest.fixture
def rig(slab: Slab, cluster: MockCluster) -> Iterator[RigMaker]:
    """Makes producers at the mock cluster: rig(mode, slot=0, **properties with _ for .)."""
    made: list[Rig] = []

    def make(mode: Mode, slot: int = 0, **properties: Any) -> Rig:
        translated = {name.replace("_", "."): value for name, value in properties.items()}
        made.append(Rig(slab, slot, mode, cluster.bootstrap, translated))
        return made[-1]

    yield make
    for each in made:
        cluster.resume()
        if each.producer is not None:
            each.producer.purge()
        each.close()
