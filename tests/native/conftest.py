"""A client of the C part on a slab of its own, without a Producer: for what needs no broker."""

from collections.abc import Iterator

import confluent_kafka  # noqa: F401  (the C part uses the librdkafka that this loads)
import pytest

from loadgen import native
from loadgen.native._native import Client
from loadgen.recorder.slab import Slab


@pytest.fixture
def slab() -> Iterator[Slab]:
    slab = Slab.create(2)
    yield slab
    slab.close()


@pytest.fixture
def client(slab: Slab) -> Iterator[Client]:
    """A native client that waits for its Producer."""
    client = native.load().Client(slab.words, 1, "native")
    yield client
    client.close()
