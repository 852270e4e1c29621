"""One value for whatever a run sends to, and one call that gives it: started here or given by address."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from loadgen.brokers.kafka import KafkaNode, start_kafka
from loadgen.brokers.mock import MockCluster
from loadgen.brokers.redpanda import start_redpanda
from loadgen.errors import UsageError

Kind = Literal["mock", "kafka", "redpanda", "external"]


@dataclass(frozen=True)
class Broker:
    """A cluster that can be sent to.

    Attributes:
        bootstrap: host:port, comma between several.
        version: known only when it was started here.
        note: how it came to be, for people; begins with MOCK when no Kafka is involved.
        mock: the cluster behind it, which must be asked to make topics; None for every other kind.
        kafka: the node behind it, when Kafka was started here.
    """

    kind: Kind
    bootstrap: str
    version: str | None
    note: str
    mock: MockCluster | None = None
    kafka: KafkaNode | None = None


@contextlib.contextmanager
def start_broker(
    kind: str, *, bootstrap: str | None = None, brokers: int = 1, port: int | None = None
) -> Iterator[Broker]:
    """A broker from here to the end of the block.

    Args:
        kind: "mock", "kafka", "redpanda", or "external" with its address.
        brokers: of a mock cluster.
        port: of a Kafka or Redpanda; None: a free one.

    Raises:
        UsageError: the kind is unknown, or what starts it is not installed.
        Unreachable: it did not come up.
    """
    if kind == "external":
        if not bootstrap:
            raise UsageError("no cluster: give -b HOST:PORT, or --start kafka, or --start mock")
        yield Broker("external", bootstrap, None, f"the cluster at {bootstrap}")
    elif kind == "mock":
        if port is not None:
            raise UsageError(f"--port {port}: librdkafka's mock cluster chooses its ports itself; leave --port out")
        with MockCluster(brokers) as mock:
            note = "MOCK  no Kafka was involved: this is what this machine's client can send"
            yield Broker("mock", mock.bootstrap, None, note, mock=mock)
    elif kind == "kafka":
        with start_kafka(port=port) as node:
            yield Broker("kafka", node.bootstrap, node.version, node.note, kafka=node)
    elif kind == "redpanda":
        with start_redpanda(port) as redpanda:
            yield Broker("redpanda", redpanda.bootstrap, redpanda.version, redpanda.note)
    else:
        raise UsageError(f"--start {kind}: must be mock, kafka or redpanda")
