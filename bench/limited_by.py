"""`python -m bench limited-by [--times N] [--out DIR]`: is the right one named as the limit? Known causes, and what is said.

    twice the ceiling       the generator is asked for twice what it can send                       → generator
    30 % of the ceiling     a plan that it can keep                                                 → plan
    a long round trip       20 ms, 5 requests of 16 KiB in flight: 4 MiB/s is all that fits          → client_settings
    a broker slows down     5 ms a request, then 50 ms                                               → broker
    a quota                 Kafka holds this client to 1 MiB/s                                       → quota
    a starved queue         orders made one by one in Python, which do not fill the client's queue   → generator

The first two in turn; the last two on a real Kafka, left out with the reason where none can be started. Nothing here
asserts: limited-by.json has every answer with its arithmetic, and how many were right.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import loadgen
from bench.record import DEFAULT_FOLDER, write_whole
from loadgen.brokers.kafka import SMALL
from loadgen.brokers.kafka_jars import kafka_classpath, require_java
from loadgen.brokers.target import Broker, start_broker
from loadgen.errors import LoadgenError
from loadgen.profile import resolve
from loadgen.report.result import Interval, LimitedBy, Result
from loadgen.runner.coordinator import carry_out
from loadgen.runner.environment import before

FEW = 5  # times, of what takes a broker to be changed
QUOTA_BYTES_PER_S = 1 << 20
# a queue that empties within half a second: else the measured phase begins behind what the warm-up left in it
SMALL_WINDOW = [
    "batch.size=16384",
    "max.in.flight=5",
    "compression.type=none",
    "queue.buffering.max.messages=2000",
]


class Case(NamedTuple):
    """A known cause, what it must be called, and a run of it that takes `seconds`."""

    name: str
    expected: LimitedBy
    run: Callable[[Broker, float], Result]


def run_on(
    broker: Broker, seconds: float, on_interval: Callable[[Interval], None] | None = None, **flags: Any
) -> Result:
    """A run on a broker that is there, 0.7 s of warm-up first."""
    settings = resolve({"start": "mock", "workers": "1", "duration": f"{seconds}s", "warmup": "0.7s", **flags}, {})
    return carry_out(settings, command=["bench limited-by"], on_interval=on_interval, broker=broker).result


def of_ceiling(share: float, ceiling_per_s: float) -> Callable[[Broker, float], Result]:
    """A plan at a share of what this host can send."""
    return lambda broker, seconds: run_on(broker, seconds, rate=f"{share * ceiling_per_s:.0f}/s")


def long_round_trip(broker: Broker, seconds: float) -> Result:
    """Flat out with a small window."""
    assert broker.mock is not None
    broker.mock.set_rtt_ms(1, 20)
    return run_on(broker, seconds, X=SMALL_WINDOW)


def slowing_down(broker: Broker, seconds: float) -> Result:
    """Flat out; 0.3 s of the measured phase as the warm-up was, the rest ten times slower."""
    assert broker.mock is not None
    mock = broker.mock
    mock.set_rtt_ms(1, 5)

    # the first row comes at 1 s, the measured phase at 0.7
    return run_on(broker, seconds, lambda _row: mock.set_rtt_ms(1, 50), X=SMALL_WINDOW)


def under_quota(broker: Broker, seconds: float) -> Result:
    """Flat out as a client that Kafka throttles."""
    client = "bench-limited-by"
    with quota(broker.bootstrap, client, QUOTA_BYTES_PER_S):
        return run_on(broker, seconds, X=[f"client.id={client}", "compression.type=none"], drain="20s")


def starved_queue(broker: Broker, seconds: float) -> Result:
    """Flat out, each order made when it is sent."""
    return run_on(broker, seconds, events="fresh")


ON_MOCK = (
    Case("a long round trip", "client_settings", long_round_trip),
    Case("a broker slows down", "broker", slowing_down),
)
ON_KAFKA = (Case("a quota", "quota", under_quota), Case("a starved queue", "generator", starved_queue))


def by_ceiling(ceiling_per_s: float) -> tuple[Case, Case]:
    """The two that hang on what this host can send."""
    return (
        Case("twice the ceiling", "generator", of_ceiling(2.0, ceiling_per_s)),
        Case("30 % of the ceiling", "plan", of_ceiling(0.3, ceiling_per_s)),
    )


@contextlib.contextmanager
def quota(bootstrap: str, client: str, bytes_per_s: int) -> Iterator[None]:
    """A client's produce quota, by Kafka's own tool: the client library has no such call."""

    def alter(*change: str) -> None:
        java = [require_java(), *SMALL, "-cp", kafka_classpath(), "kafka.admin.ConfigCommand", "--bootstrap-server"]
        entity = ["--alter", "--entity-type", "clients", "--entity-name", client]
        subprocess.run([*java, bootstrap, *entity, *change], check=True, capture_output=True, timeout=60)

    alter("--add-config", f"producer_byte_rate={bytes_per_s}")
    try:
        yield
    finally:
        alter("--delete-config", "producer_byte_rate")


def answer(case: Case, result: Result) -> dict[str, Any]:
    """A row: what was said, and whether it is right."""
    said = result.verdict.limited_by
    return {
        "case": case.name,
        "expected": case.expected,
        "said": said,
        "right": said == case.expected,
        "reason": result.verdict.limit_reason,
        "achieved_ratio": result.throughput.achieved_ratio,
        "acked_per_s": result.throughput.acked_per_s,
    }


def answers(times: int) -> Iterator[dict[str, Any]]:
    """Every run of every case, as it ends."""
    with start_broker("mock") as broker:
        ceiling_per_s = run_on(broker, 3.0).throughput.acked_per_s
    for _ in range(times):
        for case in by_ceiling(ceiling_per_s):
            with start_broker("mock") as broker:
                yield answer(case, case.run(broker, 2.0))
    for _ in range(min(times, FEW)):
        for case in ON_MOCK:
            with start_broker("mock") as broker:
                yield answer(case, case.run(broker, 4.0))
    try:
        with start_broker("kafka") as broker:
            run_on(broker, 2.0)  # the broker's code is compiled by its first load, which is nobody's figure
            for _ in range(min(times, FEW)):
                for case in ON_KAFKA:
                    yield answer(case, case.run(broker, 4.0))
    except LoadgenError as error:
        print(f"left out: {', '.join(case.name for case in ON_KAFKA)}: {error}", file=sys.stderr)


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By case: how often it was right, of how many."""
    told: dict[str, dict[str, int]] = {}
    for row in rows:
        one = told.setdefault(row["case"], {"right": 0, "of": 0})
        one["right"] += row["right"]
        one["of"] += 1
    return told


def main(arguments: list[str]) -> int:
    """Ask, keep every answer, say how many were right."""
    parser = argparse.ArgumentParser(
        prog="python -m bench limited-by", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--times", type=int, default=20, help="of the two that hang on the ceiling, default %(default)s"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="default %(default)s")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for row in answers(given.times):
        rows.append(row)
        print(f"{row['case']:22} {row['said']:16} {'right' if row['right'] else 'WRONG'}  {row['reason']}", flush=True)
    told = summary(rows)
    record = {
        "command": f"python -m bench limited-by {' '.join(arguments)}".strip(),
        "loadgen": loadgen.__version__,
        "environment": before(),
        "summary": told,
        "answers": rows,
    }
    write_whole(given.out / "limited-by.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for name, counted in told.items():
        print(f"{name}: right {counted['right']} of {counted['of']}")
    return 0
