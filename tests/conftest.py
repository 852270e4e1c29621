"""Brokers for the tests, each started once a session and only when a test asks for it.

`mock` librdkafka's mock cluster, `kafka` a real Apache Kafka, `cluster` that or else the mock,
`redpanda` in a container; `topic` a name of its own: nothing is made.
What this machine lacks is skipped with the reason, which pytest's -ra prints at the end. Real Kafka must not be skipped
where Java and Maven are present, nor where LOADGEN_REQUIRE_KAFKA=1 says that it has to run.
"""

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from loadgen.brokers import engine
from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.kafka_jars import cache_folder
from loadgen.brokers.redpanda import READY_WITHIN_S, image
from loadgen.brokers.target import Broker, start_broker

if TYPE_CHECKING:
    from tests.brokers.guarded import Guarded

_NUMBERS = itertools.count(1)

# A shell starts what it puts in the background with SIGINT ignored, and that is inherited: the processes that tests
# interrupt would never hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# how long an example takes is the machine's affair, which runs other things beside
hypothesis.settings.register_profile("loadgen", deadline=None)
hypothesis.settings.load_profile("loadgen")


def missing_for_kafka() -> list[str]:
    """The programs that a real Kafka needs and this machine lacks."""
    needed = ["java"] if cache_folder().is_dir() else ["java", "mvn"]
    return [name for name in needed if shutil.which(name) is None]


@pytest.fixture(scope="session")
def mock() -> Iterator[Broker]:
    """A mock cluster of one broker, as a Broker; `mock.mock` is its MockCluster."""
    with start_broker("mock") as broker:
        yield broker


def require_kafka() -> None:
    """Skip, or fail where it has to run, when no real Kafka can be had."""
    if missing := missing_for_kafka():
        reason = f"real Kafka did not run: {' and '.join(missing)} not found"
        if os.environ.get("LOADGEN_REQUIRE_KAFKA") == "1":
            pytest.fail(f"{reason}, and LOADGEN_REQUIRE_KAFKA=1")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """A real Apache Kafka of one node by Java on this host, as a Broker; `kafka.kafka` is its LocalKafka."""
    require_kafka()
    with start_kafka("java") as node:
        yield Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)


@pytest.fixture(scope="session")
def guarded(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Guarded]":
    """A Kafka with TLS, mTLS, SASL and ACLs; `kafka` is asked first, because it knows whether one can run here."""
    from tests.brokers.guarded import start_guarded

    with start_guarded(tmp_path_factory.mktemp("certificates")) as started:
        yield started


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Broker:
    """The real Kafka where this machine can have one, else the mock: for what should run everywhere."""
    found: Broker = request.getfixturevalue("mock" if missing_for_kafka() else "kafka")
    return found


@pytest.fixture(scope="session")
def redpanda() -> Iterator[Broker]:
    """Redpanda by testcontainers, where a container engine answers."""
    if engine.answering() is None:
        pytest.skip("Redpanda did not run: no container engine (Docker, Podman) answers")
    from testcontainers.community.kafka import RedpandaContainer

    with RedpandaContainer(image()).start(timeout=READY_WITHIN_S) as container:
        yield Broker("redpanda", container.get_bootstrap_server(), None, f"Redpanda, image {image()}")


@pytest.fixture
def topic() -> str:
    """A topic name that no other test of this session or of one beside it uses; nothing is made."""
    return f"loadgen-test-{os.getpid()}-{next(_NUMBERS)}"
