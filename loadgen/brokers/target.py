"""One value for whatever a run sends to, and one call that gives it: started here or given by address."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from loadgen.brokers.kafka import LocalKafka, start_kafka
from loadgen.brokers.mock import MockCluster
from loadgen.brokers.process import BrokerProcess
from loadgen.brokers.redpanda import start_redpanda
from loadgen.errors import UsageError

Kind = Literal["mock", "kafka", "redpanda", "external"]
MOST_BROKERS = {"mock": 32, "kafka": 5, "redpanda": 1}  # on one host
MOCK_NOTE = "MOCK  no Kafka was involved: this is what this machine's client can send"


@dataclass(frozen=True)
class Broker:
    """A cluster that can be sent to.

    Attributes:
        bootstrap: host:port, comma between several.
        version: known only when it was started here.
        note: how it came to be, for people; begins with MOCK when no Kafka is involved.
        mock: the cluster behind it, which must be asked to make topics; None for every other kind.
        kafka: with its listeners and nodes, when it was started here.
        processes: what was started here, but for a mock.
    """

    kind: Kind
    bootstrap: str
    version: str | None
    note: str
    mock: MockCluster | None = None
    kafka: LocalKafka | None = None
    processes: tuple[BrokerProcess, ...] = ()

    @property
    def running(self) -> bool:
        """Nothing that was started here has ended by itself."""
        return (self.mock is None or self.mock.running) and all(one.running for one in self.processes)


@contextlib.contextmanager
def start_broker(
    kind: str, *, bootstrap: str | None = None, brokers: int = 1, port: int | None = None
) -> Iterator[Broker]:
    """A broker from here to the end of the block.

    Args:
        kind: "mock", "kafka", "redpanda", or "external" with its address.
        brokers: how many, of a mock cluster or a Kafka.
        port: of a Kafka or Redpanda; None: a free one.

    Raises:
        UsageError: the kind is unknown, the number or port cannot be, or what starts it is not installed.
        Unreachable: it did not come up.
    """
    if kind == "external":
        if not bootstrap:
            raise UsageError("no cluster: give -b HOST:PORT, or --start kafka, or --start mock")
        yield Broker("external", bootstrap, None, f"the cluster at {bootstrap}")
        return
    if kind not in MOST_BROKERS:
        raise UsageError(f"--start {kind}: must be mock, kafka or redpanda")
    if not 1 <= brokers <= MOST_BROKERS[kind]:
        raise UsageError(f"--brokers {brokers}: a local {kind} has 1 to {MOST_BROKERS[kind]}")
    if kind == "mock":
        if port is not None:
            raise UsageError(f"--port {port}: librdkafka's mock cluster chooses its ports itself; leave --port out")
        with MockCluster(brokers) as mock:
            yield Broker("mock", mock.bootstrap, None, MOCK_NOTE, mock=mock)
    elif kind == "kafka":
        with start_kafka(nodes=brokers, port=port) as kafka:
            yield Broker("kafka", kafka.bootstrap, kafka.version, kafka.note, kafka=kafka, processes=kafka.nodes)
    else:
        with start_redpanda(port) as redpanda:
            yield Broker("redpanda", redpanda.bootstrap, redpanda.version, redpanda.note, processes=(redpanda.process,))
