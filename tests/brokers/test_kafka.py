"""A real Apache Kafka: started, broken, started again, and never left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer

from loadgen.brokers import engine
from loadgen.brokers.admin import create_topic, describe_cluster, end_offsets
from loadgen.brokers.answers import answers
from loadgen.brokers.kafka import IMAGE, start_kafka
from loadgen.brokers.kafka_jars import cache_folder
from loadgen.brokers.ports import free_ports
from loadgen.brokers.target import Broker
from loadgen.errors import Unreachable, UsageError
from tests.brokers.fakes import JAVA, put_on_path
from tests.brokers.guarded import Guarded
from tests.brokers.waiting import gone, wait_until


@pytest.mark.kafka
def test_it_is_a_real_kafka_that_says_how_it_was_started(kafka: Broker) -> None:
    """Its note names version and way, its cluster has an id that a mock has not."""
    assert kafka.note == f"Apache Kafka {kafka.version}, by Java on this host"
    assert kafka.running
    cluster = describe_cluster(kafka, {})
    assert cluster.version == kafka.version
    assert cluster.cluster_id


@pytest.mark.kafka
def test_killed_and_started_again_it_has_kept_its_records(guarded: Guarded, topic: str) -> None:
    """A crash and a return on the same port: what was acknowledged is there."""
    broker = Broker("kafka", guarded.address("PLAINTEXT"), None, "", kafka=guarded.kafka)
    create_topic(broker, topic, {}, partitions=1)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for _ in range(100):
        producer.produce(topic, b"x")
    assert producer.flush(30) == 0
    (node,) = guarded.kafka.nodes
    first = node.pid
    node.kill()
    assert not node.running
    assert node.exit_code == -9

    node.start_again(within_s=60)

    assert node.pid != first
    wait_until(lambda: end_offsets(broker, topic, {}) == [100])


@pytest.mark.kafka
def test_a_killed_starter_leaves_neither_broker_nor_data(kafka: Broker, tmp_path: Path) -> None:
    """SIGKILL of the process that started it."""
    code = (
        "import sys, json; from loadgen.brokers.kafka import start_kafka\n"
        "with start_kafka('java') as kafka:\n"
        "    print(json.dumps([kafka.nodes[0].pid, kafka.bootstrap, str(kafka.nodes[0].folder)]), flush=True)\n"
        "    sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with starter:
        assert starter.stdout is not None
        pid, bootstrap, folder = json.loads(starter.stdout.readline())
        assert answers(bootstrap, within_s=5)
        assert Path(folder).is_relative_to(tmp_path)
        starter.kill()
        wait_until(lambda: gone(pid) and not Path(folder).exists())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.kafka
@pytest.mark.parametrize("setting", ["log.retention.hours", "process.roles"])
def test_a_broker_that_does_not_come_up_says_why(kafka: Broker, setting: str) -> None:
    """Its own words, whether the formatter or the server said them."""
    with pytest.raises(Unreachable, match=setting), start_kafka("java", properties={setting: "nonsense"}):
        pass


@pytest.mark.kafka
def test_a_broker_that_dies_at_its_start_says_its_last_words(kafka: Broker, tmp_path: Path) -> None:
    """The end of its log is in the message: here a keystore without its password, which only the server looks at."""
    properties = {"listener.name.tls.ssl.keystore.location": str(tmp_path / "no-keystore")}
    with (
        pytest.raises(Unreachable, match=r"Kafka ended with code 1 before it was ready: .*SSL key store"),
        start_kafka("java", properties=properties, listeners={"TLS": "SSL"}),
    ):
        pass


def test_with_java_the_storage_is_formatted_and_the_broker_ends_with_the_block(
    mock: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for Java: one format with a new id, one server with our settings, and at the end neither it nor
    its folder is left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("BROKER", mock.bootstrap)
    cache_folder().mkdir(parents=True)
    put_on_path(monkeypatch, tmp_path / "bin", java=JAVA)
    extra = ("--add-scram", "SCRAM-SHA-512=[name=alice,password=secret]")
    with start_kafka(
        properties={"message.max.bytes": "2000"}, listeners={"TLS": "SSL"}, format_arguments=extra
    ) as kafka:
        (node,) = kafka.nodes
        settings = (node.folder / "server.properties").read_text()
        formatted, served = (json.loads(line) for line in (tmp_path / "asked").read_text().splitlines())
        assert node.running

    assert gone(node.pid)
    assert not node.folder.exists()
    assert formatted[-2:] == list(extra)
    assert "--standalone" in formatted
    assert "-Xmx1g" in served
    assert served[served.index("-cp") + 1] == str(cache_folder() / "*")
    assert "message.max.bytes=2000\n" in settings
    assert f"TLS://{kafka.listeners['TLS']}" in settings
    assert f"PLAINTEXT://{kafka.bootstrap}" in settings


def test_a_port_that_is_taken_is_not_mistaken_for_the_new_broker(mock: Broker) -> None:
    """Whoever listens there would answer in its place."""
    port = int(mock.bootstrap.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"--port {port}: .*in use"), start_kafka("java", port=port):
        pass


def test_several_nodes_on_one_port_are_refused() -> None:
    """Each needs its own."""
    with pytest.raises(UsageError, match="3 nodes need one each"), start_kafka(nodes=3, port=19092):
        pass


@pytest.mark.kafka
@pytest.mark.slow
def test_three_nodes_share_their_partitions_and_survive_the_loss_of_one(kafka: Broker, topic: str) -> None:
    """Replication factor 3 is the cluster's own; a killed follower or leader costs no acknowledged record."""
    with start_kafka("java", nodes=3, properties={"broker.session.timeout.ms": "3000"}) as started:
        broker = Broker("kafka", started.bootstrap, started.version, started.note, kafka=started)
        made = create_topic(broker, topic, {})
        assert (made.partitions, made.replication_factor, made.min_insync_replicas) == (18, 3, 2)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "log_level": 0, "enable.idempotence": True, "acks": "all"}
        )
        for number in range(200):
            if number == 100:
                started.nodes[2].kill()
            producer.produce(topic, str(number).encode(), partition=number % 18)
            producer.poll(0)
        assert producer.flush(60) == 0
        found = end_offsets(broker, topic, {})

        assert found is not None
        assert sum(found) == 200


def test_with_an_engine_kafka_runs_in_a_container(fake_docker: Path) -> None:
    """The official image, its settings by environment, advertised where this host reaches it; gone at the end."""
    (port,) = free_ports(1)
    with start_kafka(port=port, properties={"message.max.bytes": "2000"}) as kafka:
        asked = json.loads(fake_docker.read_text())
        assert kafka.bootstrap == f"127.0.0.1:{port}"
        assert "image" in kafka.note
        (client,) = kafka.nodes

    assert gone(client.pid)
    assert asked[-1] == IMAGE
    assert f"127.0.0.1:{port}:9092" in asked
    for expected in (
        f"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_PROCESS_ROLES=broker,controller",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE=false",
        "KAFKA_MESSAGE_MAX_BYTES=2000",
    ):
        assert expected in asked


def test_an_engine_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that cannot be fetched, in the engine's own words."""
    failing = "if sys.argv[1] == 'run': print('manifest unknown', file=sys.stderr); raise SystemExit(125)"
    put_on_path(monkeypatch, tmp_path, docker=failing)
    with (
        pytest.raises(Unreachable, match="Kafka ended with code 125 before it was ready: manifest unknown"),
        start_kafka(),
    ):
        pass
    engine.answering.cache_clear()
