"""The mock cluster: a process of its own, made and broken by commands."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from loadgen.brokers.answers import answers
from loadgen.brokers.mock import PRODUCE, MockCluster
from loadgen.errors import LoadgenError, Unreachable
from tests.brokers.waiting import gone, wait_until

QUIET = {"log_level": 0, "retry.backoff.ms": 10, "reconnect.backoff.ms": 10}


def send_one(bootstrap: str, topic: str, **settings: object) -> KafkaError | None:
    """Send a record and give its delivery report's error."""
    producer = Producer({"bootstrap.servers": bootstrap, **QUIET, **settings})
    reports: list[KafkaError | None] = []
    producer.produce(topic, b"x", on_delivery=lambda error, _: reports.append(error))
    wait_until(lambda: bool(producer.poll(0.05) or reports))
    return reports[0]


def test_starts_says_where_and_ends() -> None:
    """A cluster gives one address a broker, its process is gone after close, and closing twice is allowed."""
    with MockCluster.start(brokers=3) as cluster:
        assert len(set(cluster.bootstrap.split(","))) == 3
        assert answers(cluster.bootstrap, within_s=5, brokers=3)

    assert not cluster.running
    assert gone(cluster.pid)
    cluster.close()


def test_a_topic_has_the_partitions_asked_for() -> None:
    """Not the four that the first request for an unknown topic would make."""
    with MockCluster(2) as cluster:
        cluster.create_topic("seven", partitions=7, replication_factor=2)
        topic = AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET}).list_topics(timeout=5).topics["seven"]

    assert len(topic.partitions) == 7
    assert all(len(partition.replicas) == 2 for partition in topic.partitions.values())


def test_what_it_cannot_do_is_an_error_and_leaves_it_usable() -> None:
    """A topic twice, a broker that is not there: librdkafka's words, and the next command works."""
    with MockCluster() as cluster:
        cluster.create_topic("t", 1)
        with pytest.raises(LoadgenError, match="already exists"):
            cluster.create_topic("t", 1)
        with pytest.raises(LoadgenError, match=r"set_rtt_ms.*not available"):
            cluster.set_rtt_ms(9, 1)
        cluster.create_topic("u", 1)


def test_a_round_trip_takes_what_was_set() -> None:
    """No answer comes before the round trip is over."""
    with MockCluster() as cluster:
        client = AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET})
        client.list_topics(timeout=5)  # connected
        cluster.set_rtt_ms(1, 200)
        before = time.monotonic()
        client.list_topics(timeout=5)

        assert time.monotonic() - before >= 0.2


def test_pushed_errors_answer_the_next_requests_only() -> None:
    """One error a request, then success again; cleared ones never come."""
    denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
    with MockCluster() as cluster:
        cluster.create_topic("t", 1)
        cluster.push_errors(PRODUCE, [denied])
        first = send_one(cluster.bootstrap, "t")
        assert first is not None
        assert first.code() == denied
        assert send_one(cluster.bootstrap, "t") is None

        cluster.push_errors(PRODUCE, [denied])
        cluster.clear_errors(PRODUCE)
        assert send_one(cluster.bootstrap, "t") is None


def test_a_broker_goes_down_and_comes_back() -> None:
    """Down: connections are refused. Up: it answers again."""
    with MockCluster() as cluster:
        cluster.broker_down(1)
        assert not answers(cluster.bootstrap, within_s=0.3)
        cluster.broker_up(1)
        wait_until(lambda: answers(cluster.bootstrap, within_s=1))


def test_a_leader_moves() -> None:
    """Metadata names the broker that a partition was given to."""
    with MockCluster(2) as cluster:
        cluster.create_topic("t", 1, 2)
        client = AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET})
        for broker in (1, 2, 1):
            cluster.set_leader("t", 0, broker)
            assert client.list_topics(timeout=5).topics["t"].partitions[0].leader == broker


def test_a_paused_cluster_answers_nothing_until_it_goes_on() -> None:
    """Stopped in its tracks, it takes connections but does not answer; close ends it all the same."""
    with MockCluster() as cluster:
        cluster.pause()
        wait_until(lambda: psutil.Process(cluster.pid).status() == psutil.STATUS_STOPPED)
        assert not answers(cluster.bootstrap, within_s=0.3)
        cluster.resume()
        assert answers(cluster.bootstrap, within_s=5)
        cluster.pause()

    assert gone(cluster.pid)


def test_a_cluster_that_ended_is_said_to_have() -> None:
    """A command to a dead cluster is Unreachable, not a broken pipe; `running` tells it too."""
    with MockCluster() as cluster:
        os.kill(cluster.pid, signal.SIGKILL)
        wait_until(lambda: not cluster.running)
        with pytest.raises(Unreachable, match=r"mock cluster.*create_topic"):
            cluster.create_topic("t", 1)


def test_commands_from_several_threads_do_not_mix() -> None:
    """Each thread gets the answer to its own question."""
    with MockCluster() as cluster:
        threads = [
            threading.Thread(target=cluster.create_topic, args=(f"{name}-{number}", 1))
            for name in "abcd"
            for number in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET}).list_topics(timeout=5).topics

    assert len(found) == 20


def test_it_ends_with_a_starter_that_was_killed() -> None:
    """SIGKILL of whoever started it leaves no mock cluster behind."""
    code = (
        "from loadgen.brokers.mock import MockCluster; import sys\n"
        "cluster = MockCluster(); print(cluster.pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert not gone(pid)
        starter.kill()
        wait_until(lambda: gone(pid))


def test_ctrl_c_does_not_reach_it() -> None:
    """It has a session of its own: a run that is interrupted still wants to drain to it."""
    with MockCluster() as cluster:
        assert os.getsid(cluster.pid) != os.getsid(0)


def test_no_cluster_is_an_error_and_not_a_hang() -> None:
    """Its process has said why and is gone."""
    with pytest.raises(LoadgenError, match="0 brokers"):
        MockCluster(0)
