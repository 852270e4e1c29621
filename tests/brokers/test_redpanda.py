"""Redpanda: what is asked of an engine, what the compose file says, and a real one where an engine answers."""

import json
from pathlib import Path

import pytest
import yaml

from loadgen.brokers import engine
from loadgen.brokers.admin import create_topic, delete_topic, describe_cluster, end_offsets
from loadgen.brokers.redpanda import DEFAULT_IMAGE, image, start_arguments, start_redpanda
from loadgen.brokers.target import Broker
from loadgen.errors import UsageError
from tests.brokers.fakes import put_on_path
from tests.brokers.waiting import gone

COMPOSE = Path(__file__).parents[2] / "docker-compose.redpanda.yml"


def test_the_compose_file_is_one_healthy_node_on_the_loopback() -> None:
    """A pinned image that a variable changes, a health check, and listeners for this host and for containers."""
    file = yaml.safe_load(COMPOSE.read_text("utf-8"))
    (service,) = file["services"].values()

    assert service["image"] == f"${{REDPANDA_IMAGE:-{DEFAULT_IMAGE}}}"
    assert service["ports"] == ["127.0.0.1:${REDPANDA_PORT:-9092}:9092"]
    assert "rpk cluster health" in service["healthcheck"]["test"][-1]
    assert service["hostname"] == "redpanda"
    assert set(service["networks"]) <= set(file["networks"])


def test_the_compose_file_and_loadgen_up_start_the_same() -> None:
    """The same arguments, so that a figure does not depend on which was used."""
    (service,) = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"].values()

    assert service["command"] == start_arguments("localhost:${REDPANDA_PORT:-9092}")


def test_the_image_is_pinned_and_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag that moves would make two runs incomparable; empty is as absent."""
    for value, expected in (("", DEFAULT_IMAGE), ("mine:1", "mine:1")):
        monkeypatch.setenv("REDPANDA_IMAGE", value)
        assert image() == expected

    assert not DEFAULT_IMAGE.endswith(":latest")
    assert ":v" in DEFAULT_IMAGE


def test_without_an_engine_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with what works without an engine."""
    put_on_path(monkeypatch, tmp_path)
    with (
        pytest.raises(UsageError, match=r"Redpanda needs a container engine.*--start kafka") as raised,
        start_redpanda(),
    ):
        pass
    engine.answering.cache_clear()

    assert "\n" not in str(raised.value)


def test_an_engine_is_asked_for_the_pinned_image(fake_docker: Path) -> None:
    """Advertised at the free port of this host; its note warns of development mode; gone at the end."""
    with start_redpanda() as redpanda:
        asked = json.loads(fake_docker.read_text())
        assert f"{redpanda.bootstrap}:9092" in asked
        assert asked[asked.index(image()) + 1 :] == start_arguments(redpanda.bootstrap)
        assert "does not wait for the disk" in redpanda.note

    assert gone(redpanda.process.pid)


@pytest.mark.redpanda
def test_a_real_redpanda_takes_topics(redpanda: Broker, topic: str) -> None:
    """The same door as for Kafka."""
    assert len(describe_cluster(redpanda, {}).brokers) == 1
    made = create_topic(redpanda, topic, {}, partitions=3)
    assert made.partitions == 3
    assert end_offsets(redpanda, topic, {}) == [0, 0, 0]
    assert delete_topic(redpanda, topic, {})
