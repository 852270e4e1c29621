"""`python -m bench publisher [FIGURE …]`: what publishing an order costs, beside other ways of doing it.

    cost        CPU per order of publish_order, with what each of its parts adds, and of the document's own class
    peers       the same code on kafka-python: with the C parts it can use, and as pip installs it; pip install
                'kafka-loadgen[bench]'
    async       AsyncOrderEventPublisher against confluent_kafka's own asyncio producer
    tracing     the look whether anybody collects spans

Goal: figures that can be made again: each round runs every way once, in a process of its own and in an order drawn
anew, so whatever slows the machine slows all. Medians with an interval of their own; ratios are of the same round.
Nothing here asserts: it measures, says the bound, and writes JSON.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from bench.interval import median_interval
from bench.publisher_case import ASYNC_WAYS, look_ns
from loadgen.brokers.admin import create_topic, delete_topic
from loadgen.brokers.target import Broker, start_broker


class Figure(NamedTuple):
    """What is measured together.

    Attributes:
        bound: what it is held against, in words.
        ways: what takes part in each round, by name.
        pairs: (ours, another): whose ratio is told.
    """

    bound: str
    ways: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


FIGURES = {
    "cost": Figure(
        "publisher: at most 5 µs of CPU an order",
        ("publisher", "publisher, with headers", "publisher, no validation", "document"),
        (("publisher", "document"), ("publisher, no validation", "document")),
    ),
    "peers": Figure(
        "at least 10 × the throughput of kafka-python (the document says 10 to 20 ×)",
        ("publisher", "kafka-python", "publisher, uncompressed", "kafka-python as installed"),
        (("publisher", "kafka-python"), ("publisher, uncompressed", "kafka-python as installed")),
    ),
    "async": Figure(
        "none: the better one is built in",
        tuple(ASYNC_WAYS),
        (("async publisher", "confluent AIOProducer"), ("async publisher, no validation", "confluent AIOProducer")),
    ),
    "tracing": Figure("at most 50 ns while off"),
}
# these get one order in so many, or a round would take minutes
SLOW = {"kafka-python": 5, "kafka-python as installed": 5, "confluent AIOProducer": 5}
PARTITIONS = 6

Row = dict[str, Any]


def measure_round(names: Sequence[str], broker: Broker, count: int, draw: random.Random) -> dict[str, Row]:
    """Every way once, in an order drawn anew, each to a topic of its own that is removed again."""
    rows: dict[str, Row] = {}
    for name in draw.sample(names, len(names)):
        topic = f"loadgen-bench-{draw.getrandbits(40):010x}"
        create_topic(broker, topic, {}, partitions=PARTITIONS)
        command = [sys.executable, "-m", "bench.publisher_case", name, broker.bootstrap, topic]
        command.append(str(count // SLOW.get(name, 1)))
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(f"{name}: {answer.stderr.strip().splitlines()[-1]}")
        rows[name] = json.loads(answer.stdout.splitlines()[-1])
        if broker.mock is None:
            delete_topic(broker, topic, {})
        if "missing" not in rows[name] and rows[name]["acked"] != rows[name]["orders"]:
            raise SystemExit(f"{name}: {rows[name]['acked']} of {rows[name]['orders']} orders were acknowledged")
    return rows


def summarize(figure: str, rounds: list[dict[str, Row]]) -> Row:
    """Medians of each way, and the ratios of each pair, round by round."""
    bound, ways, pairs = FIGURES[figure]
    summary: Row = {"figure": figure, "bound": bound, "ways": {}, "ratios": {}}
    missing = {name: one[name]["missing"] for one in rounds for name in ways if "missing" in one[name]}
    for name in ways:
        if name in missing:
            summary["ways"][name] = {"missing": missing[name]}
            continue
        rows = [one[name] for one in rounds]
        way = summary["ways"][name] = {
            "cpu_us_per_order": median_interval([row["cpu_s"] / row["orders"] * 1e6 for row in rows])._asdict(),
            "orders_per_s": median_interval([row["orders"] / row["wall_s"] for row in rows])._asdict(),
        }
        if "awaited_ms" in rows[0]:
            way["awaited_ms"] = median_interval([row["awaited_ms"] for row in rows])._asdict()
    for ours, other in pairs:
        if missing.keys() & {ours, other}:
            continue
        for value, kind in (("wall_s", "throughput"), ("cpu_s", "CPU")):
            ratios = [_each(one[other], value) / _each(one[ours], value) for one in rounds]
            summary["ratios"][f"{ours} against {other}, {kind}"] = median_interval(ratios)._asdict()
    return summary


def _each(row: Row, value: str) -> float:
    return float(row[value]) / float(row["orders"])


def show(summary: Row) -> None:
    """A summary for people."""
    print(f"\n{summary['figure']}: {summary['bound']}")
    for name, way in summary["ways"].items():
        if "missing" in way:
            print(f"  {name:<30} not measured: {way['missing']}")
            continue
        cpu, rate = way["cpu_us_per_order"], way["orders_per_s"]
        print(
            f"  {name:<30} {cpu['median']:6.2f} µs CPU an order ({cpu['low']:.2f} … {cpu['high']:.2f})"
            f"  {rate['median']:>9,.0f}/s ({rate['low']:,.0f} … {rate['high']:,.0f})"
        )
        if "awaited_ms" in way:
            print(f"  {'  one order, awaited':<30} {way['awaited_ms']['median']:6.1f} ms")
    for name, ratio in summary["ratios"].items():
        print(f"  {name}: {ratio['median']:.2f} × ({ratio['low']:.2f} … {ratio['high']:.2f})")
    if "look_ns" in summary:
        print(f"  {summary['look_ns']:.0f} ns")


@contextmanager
def cluster(bootstrap: str | None, start: str) -> Iterator[Broker]:
    """The cluster of the figures."""
    with start_broker("external" if bootstrap else start, bootstrap=bootstrap) as broker:
        yield broker


def main(argv: list[str]) -> int:
    """Run the figures that argv names, all of them without a name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench publisher", description=__doc__.splitlines()[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}; all of them without one")
    parser.add_argument("-b", "--bootstrap-server", help="a cluster that is there")
    parser.add_argument("--start", choices=["kafka", "mock"], default="kafka", help="started for this; default kafka")
    parser.add_argument("--orders", type=int, default=100_000, help="a round and way (fewer for the slow ones)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the order within rounds")
    parser.add_argument("--out", type=Path, help="a folder for publisher.json")
    options = parser.parse_args(argv)
    figures = options.figures or list(FIGURES)
    if unknown := set(figures) - FIGURES.keys():
        parser.error(f"unknown figure {', '.join(sorted(unknown))}; possible: {', '.join(FIGURES)}")
    draw = random.Random(options.seed)
    summaries, everything = [], {}
    with cluster(options.bootstrap_server, options.start) as broker:
        print(broker.note)
        for figure in figures:
            rounds = []
            for number in range(options.rounds if FIGURES[figure].ways else 0):
                print(f"\r{figure}: round {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
                rounds.append(measure_round(FIGURES[figure].ways, broker, options.orders, draw))
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
            summary = summarize(figure, rounds)
            if figure == "tracing":
                summary["look_ns"] = look_ns()
            show(summary)
            summaries.append(summary)
            everything[figure] = rounds
    if options.out:
        write(options.out, summaries, everything, broker, options, argv)
    return 0


def write(
    folder: Path,
    summaries: list[Row],
    rounds: dict[str, list[dict[str, Row]]],
    broker: Broker,
    options: argparse.Namespace,
    argv: list[str],
) -> None:
    """publisher.json: what was measured, round by round, on what and how."""
    import confluent_kafka

    from bench.record import package_versions

    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "schema": "loadgen.bench-publisher/1",
        "command": ["python", "-m", "bench", "publisher", *argv],
        "cluster": {"kind": broker.kind, "version": broker.version, "note": broker.note, "partitions": PARTITIONS},
        "machine": {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "versions": {
            **package_versions(),
            "confluent_kafka": str(confluent_kafka.version()),
            "librdkafka": str(confluent_kafka.libversion()[0]),
            **{name: optional_version(name) for name in ("kafka-python", "crc32c", "python-snappy")},
        },
        "orders": options.orders,
        "fewer_for": SLOW,
        "summaries": summaries,
        "rounds": rounds,
    }
    (folder / "publisher.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(f"\nsaved {folder / 'publisher.json'}")


def optional_version(name: str) -> str | None:
    """A distribution's version; None when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
