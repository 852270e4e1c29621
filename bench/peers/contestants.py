"""Who competes, and with which command: the same settings in everybody's own words.

Not here: running them (`process.py`), building the one that must be built (`rdkafka_performance.py`).
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from loadgen.brokers.kafka_jars import kafka_classpath, require_java

RECORD_BYTES = 200

# acks=all and idempotent everywhere; what a client keeps in memory is left at a size that holds 0.1 s or more
LIBRDKAFKA = {
    "acks": "all",
    "enable.idempotence": "true",
    "max.in.flight": "5",
    "linger.ms": "5",
    "batch.size": "131072",
    "batch.num.messages": "10000",
    "compression.type": "none",
    "queue.buffering.max.messages": "100000",
    "queue.buffering.max.kbytes": "1048576",
}
JAVA = {
    "acks": "all",
    "enable.idempotence": "true",
    "max.in.flight.requests.per.connection": "5",
    "linger.ms": "5",
    "batch.size": "131072",
    "compression.type": "none",
    "buffer.memory": "67108864",
}


class Leg(NamedTuple):
    """One run that is asked of a contestant.

    Attributes:
        topic: there already, this run's alone.
        rate_per_s: for a contestant that keeps to a rate.
    """

    bootstrap: str
    topic: str
    messages: int
    rate_per_s: float | None


class Contestant(NamedTuple):
    """One tool in one way of use.

    Attributes:
        name: as tables and files say it.
        what: it does, for people.
        share: of the round's messages; the slow ones send fewer.
        command: of a leg.
        sent: messages acknowledged, read from the tool's own output; None when it does not say.
        paced_by: the contestant whose rate, times 0.7, it keeps to.
    """

    name: str
    what: str
    share: float
    command: Callable[[Leg], Sequence[str]]
    sent: Callable[[str], int | None]
    paced_by: str | None = None


def ours(name: str, what: str, flags: Sequence[str], share: float = 1.0, paced_by: str | None = None) -> Contestant:
    """`loadgen run` as a user calls it: one worker, one producer, its coordinator counted too."""

    def command(leg: Leg) -> list[str]:
        rate = [] if leg.rate_per_s is None else ["-r", f"{leg.rate_per_s:.0f}/s"]
        settings = [word for key, value in LIBRDKAFKA.items() for word in ("-X", f"{key}={value}")]
        return [
            *(sys.executable, "-m", "loadgen", "run", "-b", leg.bootstrap, "-t", leg.topic, "--yes", "--keep-topic"),
            *("-w", "1", "-n", str(leg.messages), "--warmup", "0s", "--json", "-", "--progress", "none"),
            *settings,
            *flags,
            *rate,
        ]  # fmt: skip

    return Contestant(name, what, share, command, acked_by_ours, paced_by)


def kafka_producer_perf_test(messages_share: float = 1.0) -> Contestant:
    """Apache Kafka's own, from the jars of the broker that everybody sends to.

    Raises:
        UsageError: no Java, or no jars.
    """
    java, classpath = require_java(), kafka_classpath()

    def command(leg: Leg) -> list[str]:
        settings = [f"{key}={value}" for key, value in {"bootstrap.servers": leg.bootstrap, **JAVA}.items()]
        return [
            *(java, "-Xmx512m", "-cp", classpath, "org.apache.kafka.tools.ProducerPerformance"),
            *("--topic", leg.topic, "--num-records", str(leg.messages), "--record-size", str(RECORD_BYTES)),
            *("--throughput", "-1", "--producer-props", *settings),
        ]  # fmt: skip

    what = "Java, random text of 200 B a record, latency of each record"
    return Contestant("kafka-producer-perf-test", what, messages_share, command, sent_by_perf_test)


def rdkafka_performance(program: str, latency: bool) -> Contestant:
    """librdkafka's own example, timing each message or none."""

    def command(leg: Leg) -> list[str]:
        settings = [word for key, value in LIBRDKAFKA.items() for word in ("-X", f"{key}={value}")]
        return [
            *(program, "-P", "-b", leg.bootstrap, "-t", leg.topic, "-s", str(RECORD_BYTES)),
            *("-c", str(leg.messages), "-i", "60000", *(("-l",) if latency else ()), *settings),
        ]  # fmt: skip

    name = "rdkafka_performance -l" if latency else "rdkafka_performance"
    what = "C, 200 B, latency of each message" if latency else "C, the same 200 B again and again, nothing timed"
    return Contestant(name, what, 1.0, command, delivered_by_rdkafka)


def acked_by_ours(output: str) -> int | None:
    """From the JSON on standard output."""

    try:
        messages = json.loads(output)["messages"]
    except (ValueError, KeyError, TypeError):
        return None
    return int(messages["acked"])


def sent_by_perf_test(output: str) -> int | None:
    """Its last line: `2000000 records sent, 512000.0 records/sec …`; failures are not in it, but on lines of their own."""
    found = [line.split() for line in output.splitlines() if " records sent, " in line]
    if not found or "Exception" in output:
        return None
    return int(found[-1][0])


def delivered_by_rdkafka(output: str) -> int | None:
    """Its last summary: `% 2000000 messages produced (… bytes), 2000000 delivered (offset 7, 0 failed) in …`."""
    found = [line for line in output.splitlines() if " messages produced (" in line and " delivered (" in line]
    if not found:
        return None
    return int(found[-1].split(" delivered (")[0].rsplit(" ", 1)[1])


OURS = (
    ours("loadgen raw", "200 B as pooled, every acknowledgement timed", ["--record-size", "200", "--keys", "none"]),
    ours("loadgen stamped", "orders of 1–3 items, fresh id and time, key", ["--line-items", "1-3"]),
    ours(
        "loadgen stamped, open loop",
        "the same, by a plan at 70 % of its flat-out rate",
        ["--line-items", "1-3"],
        paced_by="loadgen stamped",
    ),
    ours(
        "loadgen fresh",
        "orders of 3 items from domain object to bytes, each made when sent",
        ["--events", "fresh", "--line-items", "3-3"],
        share=0.1,
    ),
)
