"""A real Apache Kafka on this machine: KRaft, one node, broker and controller in one JVM, no ZooKeeper.

By a container engine when one answers, else from the jars that Maven fetches once into the user's cache. Whichever it
is, the broker says so in its note. It is on a leash: it ends with whoever started it, and its data with it.
Non-goal: Kafka tuned for speed. It has Kafka's own defaults but for what one node needs (replication factors of 1) and
what a load run needs (no topics made by accident).
"""

import contextlib
import shutil
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadgen.brokers import engine
from loadgen.brokers.answers import answers
from loadgen.brokers.kafka_jars import KAFKA_VERSION, kafka_classpath, log_settings, require_java
from loadgen.brokers.leash import Leash
from loadgen.brokers.ports import free_ports
from loadgen.errors import Unreachable

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
READY_WITHIN_S = 60.0
PULL_WITHIN_S = 600.0  # a first start with a container engine fetches the image
HEAP = ("-Xms256m", "-Xmx1g")
# the formatter lives 1–2 s: optimising compilation and parallel collection would only cost it
SHORT_LIVED = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

How = Literal["auto", "java", "container"]


@dataclass(frozen=True)
class KafkaNode:
    """A Kafka that answers.

    Attributes:
        bootstrap: of its plaintext listener.
        listeners: name → host:port of every listener that clients may use.
        note: how it was started, for people.
        log: what the broker wrote.
        data: its data folder; None inside a container.
        pid: of the JVM, or of the container's client; for signals in fault tests.
    """

    bootstrap: str
    listeners: Mapping[str, str]
    version: str
    note: str
    log: Path
    data: Path | None
    leash: Leash

    @property
    def pid(self) -> int:
        """Of the JVM; of the engine's client when it runs in a container."""
        return self.leash.pid

    @property
    def running(self) -> bool:
        """It has not ended by itself."""
        return self.leash.running


@contextlib.contextmanager
def start_kafka(
    how: How = "auto",
    *,
    port: int | None = None,
    properties: Mapping[str, str] | None = None,
    listeners: Mapping[str, str] | None = None,
    format_arguments: Sequence[str] = (),
    ready_within_s: float = READY_WITHIN_S,
) -> Iterator[KafkaNode]:
    """A Kafka from here to the end of the block.

    Args:
        how: "java" and "container" ask for one way; "auto" takes the container engine when one answers.
        port: of the plaintext listener on 127.0.0.1; None: a free one.
        properties: added to the server's, or replacing them (`listener.name.tls.ssl.keystore.location`, …).
        listeners: more of them, name → security protocol, such as {"TLS": "SSL"}; each gets a free port. Java only.
        format_arguments: for the storage formatter, such as ("--add-scram", "SCRAM-SHA-512=[…]"). Java only.

    Raises:
        UsageError: neither an engine nor Java and Maven is here.
        Unreachable: it did not answer in time; its last words are in the message.
    """
    if how == "container" or (how == "auto" and not listeners and not format_arguments and engine.answering()):
        with _in_container(port, properties or {}) as node:
            yield node
        return
    with _on_this_host(port, properties or {}, listeners or {}, format_arguments, ready_within_s) as node:
        yield node


def server_properties(
    port: int, controller_port: int, listeners: Mapping[str, tuple[str, int]], data: str
) -> dict[str, str]:
    """The settings of one node.

    Args:
        listeners: beside the plaintext one: name → (security protocol, port).
    """
    names = {"PLAINTEXT": ("PLAINTEXT", port), **listeners, "CONTROLLER": ("PLAINTEXT", controller_port)}
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{name}://127.0.0.1:{number}" for name, (_, number) in names.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, (protocol, _) in names.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


def cluster_id() -> str:
    """A new one in Kafka's form: 16 bytes in URL-safe base 64; a hyphen in front would be a flag to its tools."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


@contextlib.contextmanager
def _on_this_host(
    port: int | None,
    properties: Mapping[str, str],
    listeners: Mapping[str, str],
    format_arguments: Sequence[str],
    ready_within_s: float,
) -> Iterator[KafkaNode]:
    java = require_java()
    classpath = kafka_classpath()
    plain, controller, *others = free_ports(2 + len(listeners))
    plain = port or plain
    more = dict(zip(listeners, others, strict=True))
    folder = Path(tempfile.mkdtemp(prefix="loadgen-kafka-"))
    try:
        settings = server_properties(
            plain, controller, {name: (listeners[name], more[name]) for name in listeners}, str(folder / "data")
        )
        settings |= properties
        written = folder / "server.properties"
        written.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
        command = [java, *SHORT_LIVED, "-cp", classpath, f"-Dlog4j2.configurationFile={log_settings()}"]
        command += ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id(), "-c", str(written)]
        formatted = subprocess.run([*command, *format_arguments], capture_output=True, text=True, check=False)
        if formatted.returncode:
            raise Unreachable(f"Kafka's storage could not be formatted: {_last(formatted.stdout + formatted.stderr)}")
        server = [java, *HEAP, "-cp", classpath, f"-Dlog4j2.configurationFile={log_settings()}"]
        log = folder / "broker.log"
        with Leash([*server, "kafka.Kafka", str(written)], folder, log) as leash:
            bootstrap = f"127.0.0.1:{plain}"
            wait_until_answers(leash, bootstrap, "Kafka", ready_within_s)
            yield KafkaNode(
                bootstrap=bootstrap,
                listeners={"PLAINTEXT": bootstrap} | {name: f"127.0.0.1:{number}" for name, number in more.items()},
                version=KAFKA_VERSION,
                note=f"Apache Kafka {KAFKA_VERSION}, Java on this host",
                log=log,
                data=folder / "data",
                leash=leash,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _in_container(port: int | None, properties: Mapping[str, str]) -> Iterator[KafkaNode]:
    tool = engine.require("Kafka in a container")
    number = port or free_ports(1)[0]
    settings = server_properties(9092, 9093, {}, "/tmp/kafka-data") | {
        "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{number}",
    }
    settings |= properties
    variables = {environment_name(name): value for name, value in settings.items()}
    variables |= {"CLUSTER_ID": cluster_id(), "KAFKA_HEAP_OPTS": " ".join(HEAP)}
    command = engine.run_command(tool, IMAGE, ports={number: 9092}, variables=variables)
    folder = Path(tempfile.mkdtemp(prefix="loadgen-kafka-"))
    try:
        log = folder / "broker.log"
        with Leash(command, folder, log) as leash:
            bootstrap = f"127.0.0.1:{number}"
            wait_until_answers(leash, bootstrap, "Kafka", PULL_WITHIN_S)
            note = f"Apache Kafka {KAFKA_VERSION}, image {IMAGE} by {Path(tool).name}"
            yield KafkaNode(bootstrap, {"PLAINTEXT": bootstrap}, KAFKA_VERSION, note, log, None, leash)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment_name(name: str) -> str:
    """A server property as the official image reads it from the environment (its own escaping of `_` and `-`)."""
    return "KAFKA_" + name.upper().replace("_", "__").replace("-", "___").replace(".", "_")


def wait_until_answers(leash: Leash, bootstrap: str, name: str, within_s: float) -> None:
    """Return when a server on a leash answers a metadata request.

    Raises:
        Unreachable: it ended, or the time is up; with the end of its log.
    """
    deadline = time.monotonic() + within_s
    while not answers(bootstrap, within_s=1.0):
        if not leash.running:
            raise Unreachable(f"{name} ended with code {leash.exit_code} before it was ready: {leash.tail()}")
        if time.monotonic() > deadline:
            raise Unreachable(f"{name} did not answer on {bootstrap} within {within_s:g} s: {leash.tail()}")


def _last(text: str) -> str:
    """The end of a tool's output, as one line."""
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())[-600:] or "it said nothing"
