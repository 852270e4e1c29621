"""Brokers that only these tests need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.brokers import connection, engine
from loadgen.brokers.target import Broker
from tests.brokers.fakes import DOCKER, put_on_path


@pytest.fixture
def fake_docker(mock: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for docker; gives the file where it notes what it was asked to run."""
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("BROKER", mock.bootstrap)
    put_on_path(monkeypatch, tmp_path / "bin", docker=DOCKER)
    yield tmp_path / "asked"
    engine.answering.cache_clear()


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is believed after a second: for tests whose broker does not come up."""
    monkeypatch.setattr(connection, "GRACE_S", 1.0)
