"""Where the examples send: the cluster of --bootstrap-server, or without it a mock cluster, started for the program."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from loadgen.brokers.target import start_broker


class Target(NamedTuple):
    """A cluster and a topic; `mock` when no Kafka is involved."""

    bootstrap: str
    topic: str
    mock: bool


@contextmanager
def target(about: str | None) -> Iterator[Target]:
    """Read the command line; start what is missing."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "-b", "--bootstrap-server", metavar="HOST:PORT", help="a Kafka or Redpanda; else a mock cluster"
    )
    parser.add_argument("-t", "--topic", default="orders")
    given = parser.parse_args()
    if given.bootstrap_server:
        yield Target(given.bootstrap_server, given.topic, mock=False)
        return
    with start_broker("mock") as broker:
        print("no --bootstrap-server: this goes to a mock cluster, no Kafka is involved")
        yield Target(broker.bootstrap, given.topic, mock=True)
