"""Brokers that only these tests need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.brokers import engine
from loadgen.brokers.target import Broker
from tests.brokers.fakes import DOCKER, put_on_path
from tests.brokers.guarded import Guarded, start_guarded


@pytest.fixture(scope="package")
def guarded(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Kafka with guarded listeners; `kafka` is asked first, because it knows whether one can run here."""
    with start_guarded(tmp_path_factory.mktemp("certificates")) as started:
        yield started


@pytest.fixture
def fake_docker(mock: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for docker; gives the file where it notes what it was asked to run."""
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("BROKER", mock.bootstrap)
    put_on_path(monkeypatch, tmp_path / "bin", docker=DOCKER)
    yield tmp_path / "asked"
    engine.answering.cache_clear()
