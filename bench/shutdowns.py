"""`python -m bench shutdowns [--count 50] [--out DIR]`: SIGTERM at a random moment of 100,000 orders, on a real Kafka.

Every second program is given no time to drain, so that it ends with orders in flight. Of each: its own ledger, its dead
letters and the topic, read back, held against each other. An accepted order is acknowledged, dead-lettered or reported as
left; none is in the topic twice, and none is there that was said not to be.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from loadgen.brokers.admin import create_topic, delete_topic
from loadgen.brokers.target import Broker, start_broker
from loadgen.consumer.reader import read_ranges
from loadgen.consumer.topic import topic_extent
from loadgen.producer.counts import PublisherMetrics
from loadgen.producer.replay import read_dead_letters

ORDERS = 100_000
PARTITIONS = 6
DRAIN_S = 10.0
ENDS_WITHIN_S = 60.0


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one program.

    Attributes:
        moment: the order after which it was told to end; drain_s: the time it had for that.
        accepted, acked, failed, unknown, left: its own ledger; left: reported as neither answered nor kept.
        letters: lines of the dead letter file.
        read: orders in the topic; twice: of them, found more than once.
        false: said to be failed and in the topic all the same; missing: accepted, and neither in the topic nor kept.
        ended_by: the signal that ended it, or None.
    """

    moment: int
    drain_s: float
    accepted: int
    acked: int
    failed: int
    unknown: int
    left: int
    letters: int
    read: int
    twice: int
    false: int
    missing: int
    ended_by: int | None

    @property
    def ok(self) -> bool:
        """Every accepted order is in exactly one place, and the program ended as the signal says."""
        return (
            self.ended_by == signal.SIGTERM
            and self.accepted > self.moment
            and self.accepted == self.acked + self.letters + self.left
            and self.letters == self.failed + self.unknown
            and self.acked <= self.read <= self.acked + self.unknown
            and not (self.twice or self.false)
            and self.missing <= self.left
        )


def shut_down_one(broker: Broker, topic: str, moment: int, drain_s: float) -> Shutdown:
    """One program on a topic of its own, told to end when it has handed over that order.

    Raises:
        RuntimeError: it ended before, or said something else; with its words.
    """
    create_topic(broker, topic, {}, partitions=PARTITIONS)
    with tempfile.TemporaryDirectory() as folder:
        letters = Path(folder) / "dead-letters.jsonl"
        arguments = [broker.bootstrap, topic, str(letters), str(ORDERS), str(moment), str(drain_s)]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.shutdown_case", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            told, errors = process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
        if said != "now\n" or not told:
            raise RuntimeError(f"it ended with {process.returncode}: {said}{told}{errors[-500:]}")
        ledger = msgspec.json.decode(told.splitlines()[-1], type=PublisherMetrics)
        kept = [filed.letter for filed in read_dead_letters(letters)] if letters.exists() else []
    found = Counter(order for batch in read_ranges(*_everything(broker, topic), {}) for order in batch.keys)
    delete_topic(broker, topic, {})
    named = {letter.key for letter in kept}
    return Shutdown(
        moment=moment,
        drain_s=drain_s,
        accepted=ledger.accepted,
        acked=ledger.acked,
        failed=sum(ledger.failed.values()),
        unknown=sum(ledger.unknown.values()),
        left=ledger.outstanding + ledger.lost,
        letters=len(kept),
        read=len(found),
        twice=sum(times > 1 for times in found.values()),
        false=sum(letter.outcome == "failed" and letter.key in found for letter in kept),
        missing=sum(key not in found and key not in named for key in _keys(ledger.accepted)),
        ended_by=-process.returncode if process.returncode < 0 else None,
    )


def _everything(broker: Broker, topic: str) -> tuple[str, str, dict[int, tuple[int, int]]]:
    return broker.bootstrap, topic, topic_extent(broker.bootstrap, topic, {})


def _keys(accepted: int) -> list[bytes]:
    """Of the orders that were accepted: they are handed over by number, and none is refused before the signal."""
    return [f"order-{number}".encode() for number in range(accepted)]


def summary(shutdowns: list[Shutdown]) -> dict[str, Any]:
    """How many held, and the sums."""
    names = ("accepted", "acked", "failed", "unknown", "left", "twice", "false", "missing")
    sums = {name: sum(getattr(one, name) for one in shutdowns) for name in names}
    return {"shutdowns": len(shutdowns), "ok": sum(one.ok for one in shutdowns), **sums}


def main(arguments: list[str]) -> int:
    """End programs, tell each row as it comes, keep the record."""
    parser = argparse.ArgumentParser(prog="python -m bench shutdowns", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/runs/shutdowns"))
    given = parser.parse_args(arguments)
    draw = random.Random(given.seed)
    rows: list[Shutdown] = []
    with start_broker("kafka") as broker:
        for number in range(given.count):
            drain_s = 0.0 if number % 2 else DRAIN_S
            rows.append(shut_down_one(broker, f"loadgen-shutdown-{number}", draw.randrange(ORDERS), drain_s))
            print(json.dumps({"ok": rows[-1].ok, **msgspec.to_builtins(rows[-1])}), flush=True)
    told = summary(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    record = {
        "command": f"python -m bench shutdowns --count {given.count} --seed {given.seed}",
        "load_before": os.getloadavg()[0],
        "summary": told,
        "shutdowns": msgspec.to_builtins(rows),
    }
    (given.out / "publisher-shutdowns.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(told))
    return 0 if told["ok"] == len(rows) else 1
