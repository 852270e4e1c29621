"""The ten examples run, and a consumer reads what they say they sent: on a real Kafka where this machine can have one."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from loadgen.brokers.admin import create_topic
from loadgen.brokers.target import Broker
from loadgen.messages.order_events import decode_order_event
from tests.producer.reading import Read, read_topic

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"


def start(name: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """An example, started in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )


def run(name: str, folder: Path, *arguments: str) -> str:
    """What an example prints; it must end with 0."""
    process = start(name, folder, *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return out


def ids(read: list[Read]) -> set[str]:
    return {(found.key or b"").decode() for found in read}


@pytest.fixture
def orders(cluster: Broker, topic: str) -> str:
    """A topic, and one for what is returned: a real Kafka does not make them by itself."""
    create_topic(cluster, topic, {}, partitions=4)
    create_topic(cluster, f"{topic}.returns", {}, partitions=1)
    return topic


def test_all_ten_are_here_and_in_the_list() -> None:
    """The list in examples/README.md is the folder."""
    named = re.findall(r"^\| \d+ \| (\w+\.py) \|", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)

    assert len(named) == 10
    assert set(named) == {path.name for path in EXAMPLES.glob("*.py")} - {"target.py"}


def test_basic_order_publisher(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """1: three orders of the domain, as messages with their key."""
    out = run("basic_order_publisher.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert "3 of 3 orders acknowledged" in out
    read = read_topic(cluster.bootstrap, orders, 3)
    assert ids(read) == {"order-0", "order-1", "order-2"}
    assert all(decode_order_event(found.value or b"").total_price == 19.98 for found in read)


def test_multi_topic_publisher(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """2: each event in its topic."""
    assert "3 events in 2 topics" in run("multi_topic_publisher.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert ids(read_topic(cluster.bootstrap, orders, 2)) == {"order-1", "order-2"}
    (returned,) = read_topic(cluster.bootstrap, f"{orders}.returns", 1)
    assert returned.headers["schema-version"] == b"OrderReturned/1"


def test_async_batch_publisher(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """3: a thousand, each once."""
    out = run("async_batch_publisher.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert "999 × Delivery" in out
    read = read_topic(cluster.bootstrap, orders, 1000)
    assert len(read) == 1000
    assert ids(read) == {f"order-{number}" for number in range(1000)}


def test_monitored_publisher(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """4: the metrics say what a consumer can read, and what was refused."""
    pytest.importorskip("prometheus_client")
    out = run("monitored_publisher.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert f'loadgen_publisher_acked_total{{topic="{orders}"}} 100.0' in out
    assert 'reason="MSG_SIZE_TOO_LARGE"' in out
    assert "refused: number 100, order order-large, MSG_SIZE_TOO_LARGE" in out
    assert len(read_topic(cluster.bootstrap, orders, 100)) == 100


def test_context_manager(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """5: one order from each kind of block."""
    run("context_manager.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert ids(read_topic(cluster.bootstrap, orders, 3)) == {"from-with", "from-async-with", "awaited"}


def test_testing_with_mocks(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """6: its tests pass, and the code under test does the same on a cluster."""
    run("testing_with_mocks.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    (found,) = read_topic(cluster.bootstrap, orders, 1)
    assert msgspec.json.decode(found.value or b"") == {"order_id": "order-1", "total_price": 14.49}


def test_use_case_integration(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """7: the shop's five orders."""
    out = run("use_case_integration.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert "5 orders extracted and acknowledged" in out
    prices = sorted(
        decode_order_event(found.value or b"").total_price for found in read_topic(cluster.bootstrap, orders, 5)
    )
    assert prices == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_performance_tuning(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """8: a row a profile; every order of each arrived (the mock keeps only the last 5 MB of a partition)."""
    out = run("performance_tuning.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["low-latency", "balanced", "high-throughput"]
    assert "MOCK" not in out  # it was given an address, and cannot know
    read = read_topic(cluster.bootstrap, orders, 1)
    assert (
        sum(1 + max(found.offset for found in read if found.partition == one) for one in {r.partition for r in read})
        == 30_000
    )


def test_low_latency(cluster: Broker, orders: str, tmp_path: Path) -> None:
    """9: each awaited, none missing."""
    out = run("low_latency.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)

    assert re.search(r"200 payments: p50 \d+\.\d+ ms, p90", out)
    assert len(read_topic(cluster.bootstrap, orders, 200)) == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_graceful_shutdown(cluster: Broker, orders: str, tmp_path: Path, number: signal.Signals) -> None:
    """10: it ends by the signal, and what it says was acknowledged is in the topic."""
    process = start("graceful_shutdown.py", tmp_path, "-b", cluster.bootstrap, "-t", orders)
    try:
        assert process.stdout is not None
        assert "end me" in process.stdout.readline()
        read_topic(cluster.bootstrap, orders, 1)  # it has begun
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()

    assert process.returncode == -number, err
    said = re.search(r"accepted (\d+), acknowledged (\d+), dead letters (\d+)", out)
    assert said is not None
    accepted, acked, dead = map(int, said.groups())
    assert accepted == acked + dead
    assert len(read_topic(cluster.bootstrap, orders, acked)) == acked


def test_without_a_cluster_it_says_that_it_is_a_mock(tmp_path: Path) -> None:
    """No flag at all: it works, and nobody takes it for Kafka."""
    out = run("basic_order_publisher.py", tmp_path)

    assert "no --bootstrap-server: this goes to a mock cluster, no Kafka is involved" in out
    assert "3 of 3 orders acknowledged" in out
