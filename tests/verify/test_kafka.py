"""Verification against a real Kafka: faultless runs pass, and one changed record among many is caught and named."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from loadgen.brokers import admin
from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.target import Broker
from loadgen.errors import Unreachable, UsageError
from loadgen.events.identity import order_id
from loadgen.recorder.outcomes import OutcomeRegions, read_outcomes, write_outcomes
from loadgen.report import result as results
from loadgen.verify.against import verify_run
from loadgen.verify.stored import VERIFICATION, verify_folder
from loadgen.verify.verification import Verification
from tests.verify.sending import Record, send
from tests.verify.sent import plan, result

pytestmark = pytest.mark.kafka

RECORDS = 200_000
AT = 77_777  # of producer 0, whose second half of records goes on to follow


def dropped(stream: Iterator[Record]) -> Iterable[Record]:
    return (record for at, record in enumerate(stream) if at != AT)


def doubled(stream: Iterator[Record]) -> Iterable[Record]:
    for at, record in enumerate(stream):
        yield record
        if at == AT:
            yield record


def swapped(stream: Iterator[Record]) -> Iterable[Record]:
    """Two neighbours in the other order; under one key they meet in one partition."""
    records = list(stream)
    records[AT], records[AT + 1] = records[AT + 1], records[AT]
    return records


def flipped(stream: Iterator[Record]) -> Iterable[Record]:
    for at, (key, value) in enumerate(stream):
        yield key, value if at != AT or value is None else value[:200] + bytes([value[200] ^ 1]) + value[201:]


def strange(stream: Iterator[Record]) -> Iterable[Record]:
    for at, record in enumerate(stream):
        if at == AT:
            yield b"other", b'{"order_id":"' + order_id("0badc0de", 0, 1) + b'","created_at":"2026"}'
        yield record


MUTATIONS = {
    "lost": (dropped, "ids"),
    "duplicated": (doubled, "ids"),
    "reordered": (swapped, "ids"),
    "corrupted": (flipped, "full"),
    "foreign": (strange, "ids"),
}


def findings(found: Verification) -> dict[str, int]:
    counts = msgspec.structs.asdict(found.verified)
    counts.pop("read")
    return {name: count for name, count in counts.items() if count}


def mutate(kafka: Broker, topic: str, kind: str, records: int) -> None:
    """Send with one record changed; verify; exactly that is found."""
    change, mode = MUTATIONS[kind]
    # one key for all keeps the swapped pair in one partition
    of = plan(
        records // 2, records // 2, topic=topic, partitions=2, keys="none" if kind != "reordered" else "uniform:1"
    )
    send(kafka, of, change)

    found = verify_run(result(of), None, kafka.bootstrap, {}, mode)

    assert findings(found) == {kind: 1}
    assert found.ok == (kind == "foreign")
    (example,) = found.examples
    assert example.kind == kind
    if kind == "foreign":
        assert example.partition is not None and example.offset is not None
    else:
        assert (example.producer, example.sequence) == (0, AT)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_one_changed_record_is_caught(kafka: Broker, topic: str, kind: str) -> None:
    """Of 200,000 records one dropped, doubled, swapped, flipped or foreign: found, alone, and named."""
    mutate(kafka, topic, kind, RECORDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MUTATIONS)
def test_one_changed_record_of_a_million_is_caught(kafka: Broker, topic: str, kind: str) -> None:
    """The same in a million."""
    mutate(kafka, topic, kind, 1_000_000)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("mode", ["ids", "full"])
def test_a_faultless_run_is_all_there(kafka: Broker, topic: str, mode: str, processes: int) -> None:
    """In both modes, by one process or several: everything read once, nothing found, however it was spread."""
    of = plan(12_000, 9_000, topic=topic, partitions=5)
    send(kafka, of)

    found = verify_run(result(of), None, kafka.bootstrap, {}, mode, processes=processes)

    assert (found.ok, found.verified.read, found.acked) == (True, 21_000, 21_000)
    assert findings(found) == {}
    assert found.processes == processes


def test_several_processes_find_what_one_finds(kafka: Broker, topic: str) -> None:
    """A run sent twice into other partitions is seen by two readers, each of which finds nothing alone."""
    of = plan(3_000, topic=topic, partitions=2, keys="none")
    send(kafka, of)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    from tests.verify.sending import records

    for sequence, (key, value) in enumerate(records(of, 0)):
        if sequence < 1_000:
            producer.produce(topic, value, key, partition=0)
            producer.produce(topic, value, key, partition=1)
        producer.poll(0)
    assert producer.flush(10) == 0

    one, two = (verify_run(result(of), None, kafka.bootstrap, {}, "ids", processes=count) for count in (1, 2))

    assert one.verified.duplicated == two.verified.duplicated == 2_000
    assert one.verified.lost == two.verified.lost == 0


def test_a_topic_that_is_gone_is_a_usage_error(kafka: Broker, topic: str) -> None:
    """With the flags that would have kept it."""
    with pytest.raises(UsageError, match=rf"{topic} is not on .*--keep-topic.*--verify"):
        verify_run(result(plan(5, topic=topic)), None, kafka.bootstrap, {}, "ids")


def test_an_empty_topic_has_lost_everything(kafka: Broker, topic: str) -> None:
    """0 records: every acknowledged one is lost, and the note says that the topic is empty."""
    admin.create_topic(kafka, topic, {}, partitions=3, replication_factor=1)

    found = verify_run(result(plan(50, topic=topic)), None, kafka.bootstrap, {}, "ids")

    assert findings(found) == {"lost": 50}
    assert "the topic holds no records" in found.notes


def test_transaction_markers_are_no_records(kafka: Broker, topic: str) -> None:
    """Offsets that markers take are not read, not waited for, and said."""
    of = plan(40, topic=topic, partitions=1, keys="none")
    admin.create_topic(kafka, topic, {}, partitions=1, replication_factor=1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    from tests.verify.sending import records

    stream = list(records(of, 0))
    for half in (stream[:20], stream[20:]):
        producer.begin_transaction()
        for key, value in half:
            producer.produce(topic, value, key)
        producer.commit_transaction(30)

    found = verify_run(result(of), None, kafka.bootstrap, {}, "full")

    assert (found.ok, found.verified.read, found.offsets_without_record) == (True, 40, 2)
    assert any("2 offsets hold no record" in note for note in found.notes)


def test_a_compacted_topic_is_said(kafka: Broker, topic: str) -> None:
    """What compaction removed looks like loss, so the answer carries the reason."""
    of = plan(40, topic=topic, partitions=1)
    send(kafka, of, settings={"cleanup.policy": "compact"})
    whole = result(of)
    shape = msgspec.structs.replace(whole.broker.topic, settings={"cleanup.policy": "compact"})
    whole = msgspec.structs.replace(whole, broker=msgspec.structs.replace(whole.broker, topic=shape))

    found = verify_run(whole, None, kafka.bootstrap, {}, "ids")

    assert found.ok
    assert any("compacted" in note for note in found.notes)


@pytest.mark.slow
def test_what_compaction_removed_is_not_waited_for(kafka: Broker, topic: str) -> None:
    """A topic that the broker did compact: reading ends, what is gone counts as lost, and the notes say why it may be."""
    settings = {
        "cleanup.policy": "compact",
        "segment.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "500",
    }
    with start_kafka("java", properties={"log.cleaner.backoff.ms": "200"}) as node:
        broker = Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)
        of = plan(400, topic=topic, partitions=1, keys="uniform:5")
        send(broker, of, settings=settings)
        whole = result(of)
        shape = msgspec.structs.replace(whole.broker.topic, settings=settings)
        whole = msgspec.structs.replace(whole, broker=msgspec.structs.replace(whole.broker, topic=shape))
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        deadline = time.monotonic() + 90.0
        while True:
            producer.produce(topic, b"rolls the segment", b"somebody else's")
            assert producer.flush(10) == 0
            found = verify_run(whole, None, broker.bootstrap, {}, "ids")
            if found.offsets_without_record:
                break
            assert time.monotonic() < deadline, "the broker compacted nothing"
            time.sleep(0.5)

    counts = found.verified
    assert counts.lost == of.attempted[0] - (counts.read - counts.foreign) > 0
    assert counts.duplicated == counts.reordered == counts.corrupted == 0
    assert any("the topic is compacted" in note for note in found.notes)
    assert any("offsets hold no record" in note for note in found.notes)


def test_earlier_records_of_the_topic_can_be_left_out(kafka: Broker, topic: str) -> None:
    """Given where the run began, what stood there before is not read."""
    earlier, of = plan(300, topic=topic, run_token="00000001"), plan(200, topic=topic)
    send(kafka, earlier)
    begin = admin.end_offsets(kafka, topic, {})
    assert begin is not None
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    from tests.verify.sending import records

    for key, value in records(of, 0):
        producer.produce(topic, value, key)
    assert producer.flush(10) == 0

    whole = verify_run(result(of), None, kafka.bootstrap, {}, "ids")
    later = verify_run(result(of), None, kafka.bootstrap, {}, "ids", begin=begin)

    assert (whole.ok, whole.verified.foreign, whole.verified.read) == (True, 300, 500)
    assert (later.ok, later.verified.foreign, later.verified.read) == (True, 0, 200)


def test_no_cluster_is_said_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens: unreachable, in bounded time."""
    monkeypatch.setattr("loadgen.consumer.topic.ASK_S", 1.0)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1: no answer"):
        verify_run(result(plan(5)), None, "127.0.0.1:1", {}, "ids")


@pytest.fixture
def folder(kafka: Broker, topic: str, tmp_path: Path) -> Path:
    """A stored run of 60 records, 1 of them unknown, and its topic."""
    of = plan(60, topic=topic, partitions=2)
    send(kafka, of)
    whole = result(of)
    whole = msgspec.structs.replace(whole, messages=msgspec.structs.replace(whole.messages, acked=59, unknown=1))
    (tmp_path / "result.json").write_bytes(results.encode(whole))
    regions = OutcomeRegions.create(1, 60)
    mark = regions.marker(0)
    for sequence in range(60):
        mark(sequence, 0 if sequence == 7 else 1)
    write_outcomes(tmp_path / "outcomes.bin", whole.run_id, of.run_token, [regions.region(0)], [60])
    return tmp_path


def test_a_stored_run_is_read_back(kafka: Broker, folder: Path) -> None:
    """verify.json is written beside the run, whole; nothing else there changes; an unknown that is there is told."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    found = verify_folder(folder, kafka.bootstrap, {}, "full")

    assert (found.ok, found.acked, found.unknown_found) == (True, 59, 1)
    written = (folder / VERIFICATION).read_bytes()
    assert msgspec.json.decode(written, type=Verification) == found
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {**before, VERIFICATION: written}


def test_the_outcomes_decide_what_can_be_lost(kafka: Broker, folder: Path, topic: str) -> None:
    """Read before the run's records came: what was acknowledged is lost, what was unknown is not."""
    read = results.read_result(folder)
    outcomes = read_outcomes(folder / "outcomes.bin", read.run_id)
    end = admin.end_offsets(kafka, read.plan.topic, {})

    found = verify_run(read, outcomes, kafka.bootstrap, {}, "ids", begin=end)

    assert findings(found) == {"lost": 59}
