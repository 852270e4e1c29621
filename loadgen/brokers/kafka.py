"""A real Apache Kafka on this machine: KRaft, one node that is broker and controller, no ZooKeeper.

By a container engine when one answers, else by Java from the jars that Maven fetches once into the user's cache.
Whichever it is, the note says so. It is on a leash: it ends with whoever started it, and its data with it.
Non-goal: Kafka tuned for speed, or more nodes for the user; three nodes are for tests that break one.
"""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadgen.brokers import engine
from loadgen.brokers.container import start_container
from loadgen.brokers.kafka_jars import KAFKA_VERSION, kafka_classpath, require_java
from loadgen.brokers.kafka_settings import HOST, LOG4J, as_file, cluster_id, environment_name, server_properties
from loadgen.brokers.leash import last_words
from loadgen.brokers.ports import free_ports, require_free
from loadgen.brokers.process import BrokerProcess, wait_until_answers
from loadgen.errors import Unreachable, UsageError

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
READY_WITHIN_S = 60.0
IMAGE_READY_WITHIN_S = 300.0  # a first start fetches the image
HEAP = ("-Xms256m", "-Xmx1g")
# Several nodes on one host, and tools that live 1–2 s: optimising compilation and parallel collection would cost more
# than they give. 300 MB a node instead of 400.
SMALL = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

How = Literal["auto", "java", "container"]


@dataclass(frozen=True)
class LocalKafka:
    """A Kafka that answers.

    Attributes:
        bootstrap: host:port of the plaintext listeners, comma between.
        listeners: name → host:port of every listener for clients, comma between.
        note: how it was started, for people.
        nodes: its JVMs, to be paused, killed and started again; of a container the engine's client.
    """

    bootstrap: str
    listeners: Mapping[str, str]
    version: str
    note: str
    nodes: tuple[BrokerProcess, ...]


@contextlib.contextmanager
def start_kafka(
    how: How = "auto",
    *,
    nodes: int = 1,
    port: int | None = None,
    properties: Mapping[str, str] | None = None,
    listeners: Mapping[str, str] | None = None,
    format_arguments: Sequence[str] = (),
    ready_within_s: float = READY_WITHIN_S,
) -> Iterator[LocalKafka]:
    """A Kafka from here to the end of the block.

    Args:
        how: "java" and "container" ask for one way; "auto" takes the container engine when one answers.
        nodes: 1, or several: the first must then live, for it alone is controller. Java only, like the next but one.
        port: of the plaintext listener on 127.0.0.1, one node only; None: a free one.
        properties: added to the server's, or replacing them (`listener.name.tls.ssl.keystore.location`, …).
        listeners: more of them, name → security protocol, such as {"TLS": "SSL"}; each gets a free port.
        format_arguments: for the storage formatter, such as ("--add-scram", "SCRAM-SHA-512=[…]").

    Raises:
        UsageError: the port is taken, or neither an engine nor Java and Maven is here.
        Unreachable: it did not answer in time; its last words are in the message.
    """
    if port is not None and nodes > 1:
        raise UsageError(f"--port {port} is one port, and {nodes} nodes need one each; leave it out")
    java_only = nodes > 1 or listeners or format_arguments
    if how == "container" or (how == "auto" and not java_only and engine.answering()):
        with _in_container(port, properties or {}) as started:
            yield started
    else:
        with _on_this_host(nodes, port, properties or {}, listeners or {}, format_arguments, ready_within_s) as started:
            yield started


@contextlib.contextmanager
def _on_this_host(
    nodes: int,
    port: int | None,
    properties: Mapping[str, str],
    listeners: Mapping[str, str],
    format_arguments: Sequence[str],
    ready_within_s: float,
) -> Iterator[LocalKafka]:
    java = require_java()
    classpath = kafka_classpath()
    free = iter(free_ports(1 + nodes * (1 + len(listeners))))
    controller_port = next(free)
    with contextlib.ExitStack() as cleanup:
        identity, formats, prepared = cluster_id(), [], []
        for node in range(1, nodes + 1):
            folder = Path(tempfile.mkdtemp(prefix="loadgen-kafka-"))
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            plain = require_free(port) if port is not None else next(free)
            more = {name: next(free) for name in listeners}
            settings = server_properties(
                node=node,
                nodes=nodes,
                port=plain,
                controller_port=controller_port,
                listeners={name: (protocol, more[name]) for name, protocol in listeners.items()},
                data=str(folder / "data"),
            )
            (folder / "log4j2.properties").write_text(LOG4J, "utf-8")
            written = folder / "server.properties"
            written.write_text(as_file(settings | dict(properties)), "utf-8")
            first = ("--standalone", *format_arguments) if node == 1 else ("--no-initial-controllers",)
            formats.append(("-t", identity, "-c", str(written), *first))
            prepared.append((folder, written, {"PLAINTEXT": plain, **more}))
        _format_storage(java, classpath, formats)
        started = []
        for node, (folder, written, bound) in enumerate(prepared, 1):
            command = [java, *(HEAP if nodes == 1 else SMALL), "-cp", classpath]
            command += [f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}", "kafka.Kafka", str(written)]
            name = "Kafka" if nodes == 1 else f"Kafka node {node}"
            process = BrokerProcess(name, f"{HOST}:{bound['PLAINTEXT']}", command, folder)
            # ended in reverse order, the controller last: a broker that cannot reach it takes many seconds to shut down
            cleanup.callback(process.close)
            started.append(process)
        for one in started:
            wait_until_answers(one, ready_within_s, brokers=nodes)
        addresses = {
            name: ",".join(f"{HOST}:{bound[name]}" for _, _, bound in prepared) for name in ("PLAINTEXT", *listeners)
        }
        note = f"Apache Kafka {KAFKA_VERSION}, by Java on this host"
        yield LocalKafka(addresses["PLAINTEXT"], addresses, KAFKA_VERSION, note, tuple(started))


def _format_storage(java: str, classpath: str, arguments: Sequence[Sequence[str]]) -> None:
    """Run Kafka's StorageTool once for each list of arguments, at the same time.

    Raises:
        Unreachable: one of them failed; with its own words.
    """
    command = [java, *SMALL, "-cp", classpath, "kafka.tools.StorageTool", "format"]
    running = [
        subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for more in arguments
    ]
    said = [(one.communicate()[0], one.returncode) for one in running]
    for words, code in said:
        if code:
            raise Unreachable(f"Kafka's storage could not be formatted (code {code}): {last_words(words)}")


@contextlib.contextmanager
def _in_container(port: int | None, properties: Mapping[str, str]) -> Iterator[LocalKafka]:
    tool = engine.require("Kafka in a container")
    number = require_free(port) if port is not None else free_ports(1)[0]
    settings = server_properties(node=1, nodes=1, port=9092, controller_port=9093, listeners={}, data="/tmp/kafka-data")
    settings["listeners"] = f"PLAINTEXT://0.0.0.0:9092,CONTROLLER://{HOST}:9093"
    settings["advertised.listeners"] = f"PLAINTEXT://{HOST}:{number}"
    variables = {environment_name(name): value for name, value in (settings | dict(properties)).items()}
    variables |= {"CLUSTER_ID": cluster_id(), "KAFKA_HEAP_OPTS": " ".join(HEAP)}
    command = engine.run_command(tool, IMAGE, ports={number: 9092}, variables=variables)
    bootstrap = f"{HOST}:{number}"
    with start_container("Kafka", command, bootstrap, IMAGE_READY_WITHIN_S) as process:
        note = f"Apache Kafka {KAFKA_VERSION}, image {IMAGE} by {Path(tool).name}"
        yield LocalKafka(bootstrap, {"PLAINTEXT": bootstrap}, KAFKA_VERSION, note, (process,))
