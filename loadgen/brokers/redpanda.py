"""Redpanda in a container: one node in development mode, on a free port of this host, on a leash.

The same image and settings as `docker-compose.redpanda.yml`, which is for people who want one to stay.
Non-goal: a Redpanda whose figures speak for Redpanda: development mode does not wait for the disk (its note says so).
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadgen.brokers import engine
from loadgen.brokers.container import start_container
from loadgen.brokers.ports import free_ports, require_free
from loadgen.brokers.process import BrokerProcess

DEFAULT_IMAGE = "redpandadata/redpanda:v26.2.3"
READY_WITHIN_S = 300.0  # a first start fetches the image; a start itself takes some seconds
INSIDE, OUTSIDE = 29092, 9092  # ports in the container: for its own network, for this host


@dataclass(frozen=True)
class LocalRedpanda:
    """A Redpanda that answers.

    Attributes:
        note: how it was started, for people.
        process: the engine's client.
    """

    bootstrap: str
    version: str
    note: str
    process: BrokerProcess


def image() -> str:
    """The image: REDPANDA_IMAGE as in the compose file, else the pinned one."""
    return os.environ.get("REDPANDA_IMAGE") or DEFAULT_IMAGE


def start_arguments(host_port: str) -> list[str]:
    """Redpanda's own arguments; clients in the container's network say `redpanda:29092`, those on this host localhost.

    Args:
        host_port: where this host's clients reach it.
    """
    return [
        "redpanda",
        "start",
        "--mode=dev-container",
        "--smp=1",
        "--memory=1G",
        f"--kafka-addr=internal://0.0.0.0:{INSIDE},external://0.0.0.0:{OUTSIDE}",
        f"--advertise-kafka-addr=internal://redpanda:{INSIDE},external://{host_port}",
    ]


@contextlib.contextmanager
def start_redpanda(port: int | None = None, ready_within_s: float = READY_WITHIN_S) -> Iterator[LocalRedpanda]:
    """A Redpanda from here to the end of the block.

    Args:
        port: on this host's loopback; None: a free one.

    Raises:
        UsageError: no container engine answers.
        Unreachable: it did not answer in time; its last words are in the message.
    """
    tool = engine.require("Redpanda", "; a Kafka without one: --start kafka (Java and Maven)")
    number = require_free(port) if port is not None else free_ports(1)[0]
    bootstrap = f"127.0.0.1:{number}"
    command = engine.run_command(
        tool, image(), ports={number: OUTSIDE}, variables={}, arguments=start_arguments(bootstrap)
    )
    with start_container("Redpanda", command, bootstrap, ready_within_s) as process:
        version = image().rpartition(":")[2].removeprefix("v")
        note = f"Redpanda, image {image()} by {Path(tool).name}, development mode: it does not wait for the disk"
        yield LocalRedpanda(bootstrap, version, note, process)
