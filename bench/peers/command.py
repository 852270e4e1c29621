"""The command itself: who can compete here, the broker, the rounds, what is written down."""

import argparse
import contextlib
import functools
import json
import platform
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from bench.peers import rdkafka_performance
from bench.peers.contestants import (
    JAVA,
    LIBRDKAFKA,
    OURS,
    Contestant,
    kafka_producer_perf_test,
)
from bench.peers.contestants import rdkafka_performance as rdkafka_contestant
from bench.peers.fresh_split import split_us
from bench.peers.process import run
from bench.peers.rounds import TIMEOUT_S, Row, pairs, race
from bench.peers.summary import FRESH, figures, standings, table
from bench.record import DEFAULT_FOLDER, EXIT_INTERRUPTED, write_whole
from loadgen.brokers.admin import create_topic, delete_topic
from loadgen.brokers.kafka import start_kafka
from loadgen.brokers.target import Broker, start_broker
from loadgen.errors import LoadgenError
from loadgen.runner.environment import before

MESSAGES, FAST_MESSAGES = 6_000_000, 400_000
PARTITIONS = 6
# what was sent is of no use to anybody: gone a second after its topic, and never more than 64 MB a partition
SETTINGS = {"retention.bytes": str(64 << 20), "segment.bytes": str(32 << 20), "file.delete.delay.ms": "1000"}


def main(argv: list[str]) -> int:
    """Exit code 0; 2 when it cannot start; 5 when somebody who could run never sent what was asked; 130."""
    options = _parser().parse_args(argv)
    contestants, missing, program = gather(options.only)
    for name, reason in missing.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    if not contestants:
        print(f"nobody to run: --only {options.only} fits no contestant", file=sys.stderr)
        return 2
    messages = options.messages or (FAST_MESSAGES if options.fast else MESSAGES)
    saved: dict[str, Any] = {
        "command": f"python -m bench peers {' '.join(argv)}".strip(),
        "settings": {"librdkafka": LIBRDKAFKA, "java": JAVA, "messages": messages, "partitions": PARTITIONS},
        "contestants": {one.name: one.what for one in contestants},
        "left_out": missing,
        "versions": versions(program),
        "environment": before(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    code = 0
    try:
        with reach(options.bootstrap) as broker:
            saved["broker"] = broker.note
            run_rounds(broker, contestants, options.rounds or (2 if options.fast else 5), messages, options.out, rows)
    except LoadgenError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: finished runs are kept", file=sys.stderr)
        code = EXIT_INTERRUPTED
    told, bounds = standings(pairs(rows)), figures(pairs(rows))
    saved["standings"] = msgspec.to_builtins(told)
    saved["figures"] = [{**msgspec.to_builtins(figure), "met": figure.met} for figure in bounds]
    fresh_us = next((one.cpu_us for one in told if one.contestant == FRESH), None)
    saved["fresh_split_us"] = split_us(fresh_us)
    saved["rounds"] = msgspec.to_builtins(pairs(rows))
    write_whole(options.out / "peers.json", json.dumps(saved, indent=1) + "\n")
    print(table(told, bounds))
    split = ", ".join(f"{name} {cost_us:.2f}" for name, cost_us in saved["fresh_split_us"].items())
    print(f"a fresh event of 3 items, µs of CPU: {split}")
    with contextlib.suppress(ImportError):  # matplotlib is an extra
        from bench.peers.plot import draw

        print("\n".join(str(path) for path in draw(options.out)))
    print(f"\nsaved in {options.out}")
    silent = {one.name for one in contestants} - {standing.contestant for standing in told}
    return code or (5 if silent else 0)


@contextlib.contextmanager
def reach(bootstrap: str | None) -> Iterator[Broker]:
    """The broker that everybody sends to: one that is there, or a Kafka of our own that forgets quickly.

    Raises:
        LoadgenError: it cannot be started or reached.
    """
    if bootstrap:
        with start_broker("external", bootstrap=bootstrap) as broker:
            yield broker
        return
    with start_kafka(properties={"log.retention.check.interval.ms": "1000"}) as kafka:
        yield Broker("kafka", kafka.bootstrap, kafka.version, kafka.note, kafka=kafka, processes=kafka.nodes)


def run_rounds(
    broker: Broker, contestants: list[Contestant], rounds: int, messages: int, folder: Path, rows: list[Row]
) -> None:
    """Everybody's runs; each is a row, a line in the journal and a line on standard error as it ends."""
    topics = Topics(broker)
    run_leg = functools.partial(run, timeout_s=TIMEOUT_S)
    try:
        with (folder / "peers.jsonl").open("w") as journal:
            for row in race(contestants, rounds, messages, broker.bootstrap, topics.next, run_leg):
                rows.append(row)
                journal.write(json.dumps(msgspec.to_builtins(row)) + "\n")
                journal.flush()
                print(_line(row), file=sys.stderr)
    finally:
        topics.remove()


def gather(only: str | None = None) -> tuple[list[Contestant], dict[str, str], str | None]:
    """Who can run on this machine; who cannot, by name, with the reason; and rdkafka_performance's program.

    Args:
        only: a part of the names wanted; None: all.
    """
    contestants, missing, program = list(OURS), {}, None
    try:
        program = str(rdkafka_performance.program())
        contestants += [rdkafka_contestant(program, latency) for latency in (True, False)]
    except LoadgenError as error:
        missing["rdkafka_performance"] = str(error)
    try:
        contestants.append(kafka_producer_perf_test())
    except LoadgenError as error:
        missing["kafka-producer-perf-test"] = str(error)
    wanted = [one for one in contestants if only is None or only in one.name]
    return wanted, missing, program


class Topics:
    """One topic at a time: the next run's is made, the last run's removed."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.prefix = f"loadgen-peers-{secrets.token_hex(3)}"
        self.made = 0

    def next(self) -> str:
        """Remove the current one and make another."""
        self.remove()
        self.made += 1
        create_topic(self.broker, self._name(), {}, partitions=PARTITIONS, settings=SETTINGS)
        return self._name()

    def remove(self) -> None:
        """The current one, if there is one."""
        if self.made:
            delete_topic(self.broker, self._name(), {})

    def _name(self) -> str:
        return f"{self.prefix}-{self.made}"


def versions(program: str | None) -> dict[str, str]:
    """Of everything that a figure depends on and that can be asked."""
    told = {name: metadata.version(name) for name in ("confluent-kafka", "kafka-loadgen", "msgspec")}
    told["python"] = platform.python_version()
    if program is not None:
        told["rdkafka_performance's librdkafka"] = rdkafka_performance.version_of(Path(program))
    java = shutil.which("java")
    if java is not None:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        told["java"] = next(iter(shown.splitlines()), "unknown")
    return told


def _line(row: Row) -> str:
    what = f"round {row.round + 1}  {row.contestant:28} {row.messages:>9,} messages"
    return f"{what}  {row.error}" if row.error else f"{what}  {row.wall_s:6.1f} s  {row.cpu_s:6.1f} s CPU"


def _parser() -> argparse.ArgumentParser:
    import bench.peers

    parser = argparse.ArgumentParser(
        prog="python -m bench peers",
        description=bench.peers.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder for the records, default %(default)s")
    parser.add_argument("--rounds", type=int, help="default 5; 2 with --fast")
    parser.add_argument(
        "--messages", type=int, help=f"of a long run, default {MESSAGES:,}; {FAST_MESSAGES:,} with --fast"
    )
    parser.add_argument("--fast", action="store_true", help="two short rounds: to see that it works, not for figures")
    parser.add_argument("--only", metavar="TEXT", help="contestants whose name has this in it")
    parser.add_argument(
        "-b", "--bootstrap", metavar="HOST:PORT", help="a broker that is there; default: one is started"
    )
    return parser
