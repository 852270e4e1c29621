"""A run on a real cluster, sent by hand so that any record can be left out, doubled, swapped or changed."""

from collections.abc import Callable, Iterable, Iterator

from loadgen.brokers import admin
from loadgen.brokers.target import Broker
from loadgen.producer.kafka import KafkaTransport
from loadgen.report.result import PlanRecord
from loadgen.verify.remake import Remake

Record = tuple[bytes | None, bytes | None]
Change = Callable[[Iterator[Record]], Iterable[Record]]
BATCH = 500


def records(plan: PlanRecord, producer: int) -> Iterator[Record]:
    """What one producer of the run sends, in order."""
    record, due = Remake(plan).source(producer)
    for sequence in range(plan.attempted[producer]):
        yield record(sequence, sequence if due is None else due.intended_ns(sequence) // 1000)


def send(broker: Broker, plan: PlanRecord, change: Change = iter, *, settings: dict[str, str] | None = None) -> None:
    """Make the topic and send every producer's records; `change` alters those of producer 0 on their way."""
    admin.create_topic(broker, plan.topic, {}, partitions=plan.partitions, replication_factor=1, settings=settings)
    transport = KafkaTransport(
        {
            "bootstrap.servers": broker.bootstrap,
            "linger.ms": "20",
            "enable.idempotence": "true",
            "compression.type": "lz4",
            "queue.buffering.max.messages": "2000000",
        }
    )
    transport.prime(plan.topic, timeout_s=10.0)
    answered = [0]

    def count(error: object, message: object) -> None:
        assert error is None, error
        answered[0] += 1

    sent = 0
    for producer in range(plan.producers):
        batch: list[dict] = []
        stream = records(plan, producer)
        for key, value in change(stream) if producer == 0 else stream:
            batch.append({"key": key, "value": value, "callback": count})
            if len(batch) == BATCH:
                assert transport.send_batch(plan.topic, batch).accepted == len(batch)
                sent += len(batch)
                batch = []
                transport.poll(0.0)
        assert transport.send_batch(plan.topic, batch).accepted == len(batch)
        sent += len(batch)
    while answered[0] < sent:
        transport.poll(0.1)
    transport.close(10.0)
