"""The server settings of a local Kafka: its own defaults, but for what so few nodes need and what a load run needs."""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping

HOST = "127.0.0.1"
# Warnings and worse to standard output, which the leash keeps; without a log4j binding and this a broker says nothing.
LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def server_properties(
    *,
    node: int,
    nodes: int,
    port: int,
    controller_port: int,
    listeners: Mapping[str, tuple[str, int]],
    data: str,
) -> dict[str, str]:
    """The settings of one node; the first is also the controller.

    Args:
        node: from 1.
        port: of its plaintext listener, which the nodes use among themselves too.
        controller_port: of the first node.
        listeners: more of them: name → (security protocol, port).
    """
    names = {"PLAINTEXT": ("PLAINTEXT", port), **listeners}
    protocols = {name: protocol for name, (protocol, _) in names.items()} | {"CONTROLLER": "PLAINTEXT"}
    bound = {name: number for name, (_, number) in names.items()}
    if node == 1:
        bound["CONTROLLER"] = controller_port
    replicas, in_sync = min(nodes, 3), 2 if nodes >= 3 else 1
    settings = {
        "process.roles": "broker,controller" if node == 1 else "broker",
        "node.id": str(node),
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{name}://{HOST}:{number}" for name, number in bound.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "auto.create.topics.enable": "false",  # a typo must not become a topic of one partition
        "group.initial.rebalance.delay.ms": "0",  # 3 s that every first consumer would wait
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.replication.factor"] = str(replicas)
        settings[f"{topic}.num.partitions"] = "1"  # 50 by default, all opened at once when the first group comes
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = str(in_sync)
    return settings


def as_file(settings: Mapping[str, str]) -> str:
    """Java's properties format; a backslash is its escape character."""
    return "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in settings.items())


def environment_name(name: str) -> str:
    """A server property as the official image reads it from the environment, by that image's own escaping."""
    return "KAFKA_" + name.upper().replace("_", "__").replace("-", "___").replace(".", "_")


def cluster_id() -> str:
    """A new one in Kafka's form: 16 bytes in URL-safe base 64; a hyphen in front would be a flag to its tools."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
