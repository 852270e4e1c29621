"""The settings of a local Kafka, as tables."""

import pytest

from loadgen.brokers.kafka_settings import as_file, cluster_id, environment_name, server_properties


def settings(node: int = 1, nodes: int = 1) -> dict[str, str]:
    return server_properties(
        node=node,
        nodes=nodes,
        port=15001,
        controller_port=15000,
        listeners={"TLS": ("SSL", 15002)},
        data="/data",
    )


@pytest.mark.parametrize(("nodes", "replicas", "in_sync"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (5, "3", "2")])
def test_replicas_are_as_many_as_the_nodes_can_hold(nodes: int, replicas: str, in_sync: str) -> None:
    """A factor above the number of nodes would make the inner topics fail; three nodes survive the loss of one."""
    found = settings(nodes=nodes)

    assert {value for name, value in found.items() if name.endswith("replication.factor")} == {replicas}
    assert {value for name, value in found.items() if name.endswith("min.isr")} == {in_sync}
    assert found["min.insync.replicas"] == in_sync


def test_only_the_first_node_is_controller() -> None:
    """The others name it, know its listener's protocol, and do not bind it."""
    first, second = settings(1, 3), settings(2, 3)

    assert first["process.roles"] == "broker,controller"
    assert "CONTROLLER://127.0.0.1:15000" in first["listeners"]
    assert second["process.roles"] == "broker"
    assert "CONTROLLER:" not in second["listeners"]
    assert "CONTROLLER:PLAINTEXT" in second["listener.security.protocol.map"]
    assert second["controller.quorum.bootstrap.servers"] == "127.0.0.1:15000"


def test_more_listeners_are_bound_and_mapped() -> None:
    """Name, port and protocol of each."""
    found = settings()

    assert "TLS://127.0.0.1:15002" in found["listeners"].split(",")
    assert "TLS:SSL" in found["listener.security.protocol.map"].split(",")


def test_no_topic_is_made_by_accident() -> None:
    """A topic with a typo must not appear with one partition."""
    assert settings()["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("node.id", "KAFKA_NODE_ID"),
        ("listener.name.my-tls.x_y", "KAFKA_LISTENER_NAME_MY___TLS_X__Y"),
    ],
)
def test_environment_names_are_those_of_the_official_image(name: str, expected: str) -> None:
    """A dot is one underscore, an underscore two, a hyphen three."""
    assert environment_name(name) == expected


def test_a_backslash_survives_javas_properties_format() -> None:
    """There it begins an escape, so it is doubled; the rest is as it is."""
    assert as_file({"a": r"x\y=z", "b": "1"}) == "a=x\\\\y=z\nb=1\n"


def test_a_cluster_id_is_22_characters_and_no_flag() -> None:
    """16 bytes in base 64 without padding; a hyphen in front would be read as an option."""
    for _ in range(200):
        found = cluster_id()
        assert len(found) == 22
        assert not found.startswith("-")
