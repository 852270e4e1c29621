"""`python -m bench kills [--count 50] [--seed N] [--out DIR]`: a worker of a run killed at a random moment, on a real Kafka.

Every second run is flat out, where a worker is nearly always in the middle of handing over a batch. Of each: how soon the
coordinator noticed, how soon the command ended and with which code, how many records nobody can answer for, and whether
the ledger still brackets the log: everything is read back and held against the outcomes that the dead worker left.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from loadgen.brokers.admin import delete_topic, end_offsets
from loadgen.brokers.target import Broker, start_broker
from loadgen.report.result import Result, read_result
from loadgen.runner.plan import BATCH_LIMITS
from loadgen.verify.stored import verify_folder

WORKERS = 2
LENGTH_S = 8  # the kill comes long before
RATE = "20k/s"
NOTICED_WITHIN_S, ENDED_WITHIN_S = 1.0, 3.0
WITHIN_S = 60.0


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one run.

    Attributes:
        rate: asked, None flat out.
        at_s: of the kill, after the run's start.
        noticed_s, ended_s: after the kill: the coordinator knew, the command had ended.
        unknown, most_unknown: records that nobody can answer for, and the bound: what one client holds, and a batch.
        acked, delta: all phases; the log must have grown by `acked` to `acked + unknown`.
        read, wrong: found in the log, and of these lost, duplicated, reordered or corrupted.
        doubts: of the result.
    """

    rate: str | None
    at_s: float
    noticed_s: float | None
    ended_s: float
    exit_code: int
    unknown: int
    most_unknown: int
    acked: int
    delta: int | None
    read: int
    wrong: int
    doubts: list[str]

    @property
    def ok(self) -> bool:
        """R3, and R1 and R2 with it."""
        return (
            self.noticed_s is not None
            and self.noticed_s <= NOTICED_WITHIN_S
            and self.ended_s <= ENDED_WITHIN_S
            and self.is_accounted
        )

    @property
    def is_accounted(self) -> bool:
        """All but the times, which a busy host stretches."""
        return (
            self.exit_code != 0
            and "worker_lost" in self.doubts
            and self.delta is not None
            and self.acked <= self.delta <= self.acked + self.unknown
            and self.unknown <= self.most_unknown
            and self.read == self.delta
            and not self.wrong
        )


def kill_one(broker: Broker, rate: str | None, after_s: float, topic: str) -> Kill:
    """One run of two workers; one of them is killed so long after the first record is in the log."""
    with tempfile.TemporaryDirectory() as folder:
        out, told = Path(folder) / "run", Path(folder) / "told"
        with told.open("wb") as file:
            run = subprocess.Popen(command(broker, rate, out, topic), stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: sum(end_offsets(broker, topic, {}) or ()) > 0, run, told)
            time.sleep(after_s)
            victim = random.Random(after_s).choice(workers_of(run.pid))
            killed_s = time.monotonic()
            victim.kill()
            run.wait(WITHIN_S)
            ended_s = time.monotonic() - killed_s
        finally:
            run.kill()
            run.wait()
        if not out.exists():
            raise RuntimeError(f"the run left no result: {told.read_text()[-500:]}")
        return told_of(broker, out, rate, killed_s, ended_s, run.returncode)


def command(broker: Broker, rate: str | None, out: Path, topic: str) -> list[str]:
    """The run as a user would call it; its topic stays, to be read back."""
    paced = ["-r", rate] if rate else []
    return [
        *(sys.executable, "-m", "loadgen", "run", "-b", broker.bootstrap, "-t", topic, "-w", str(WORKERS), *paced),
        *("-d", f"{LENGTH_S}s", "--warmup", "0.5s", "--keep-topic", "--out", str(out)),
    ]


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes of a run."""
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "loadgen.runner.worker" in " ".join(child.cmdline())
    ]


def wait_until(happened: Callable[[], bool], run: "subprocess.Popen[bytes]", told: Path) -> None:
    """Until it happened, unless the run ends first."""
    deadline = time.monotonic() + WITHIN_S
    while not happened():
        if time.monotonic() > deadline or run.poll() is not None:
            raise RuntimeError(f"the run sent nothing, exit {run.poll()}: {told.read_text()[-500:]}")
        time.sleep(0.02)


def told_of(broker: Broker, out: Path, rate: str | None, killed_s: float, ended_s: float, exit_code: int) -> Kill:
    """The result's own words, and the log's: everything read back."""
    result: Result = read_result(out)
    found = verify_folder(out, broker.bootstrap, {}, "ids")
    delete_topic(broker, result.plan.topic, {})
    both = (result.messages, result.messages.warmup)
    at_s = killed_s - result.plan.start_ns / 1e9
    lost_after_s = [worker.lost_after_s for worker in result.workers if worker.lost_after_s is not None]
    counts = found.verified
    queue = int(result.client.properties["queue.buffering.max.messages"])
    return Kill(
        rate=rate,
        at_s=at_s,
        noticed_s=lost_after_s[0] - at_s if lost_after_s else None,
        ended_s=ended_s,
        exit_code=exit_code,
        unknown=sum(phase.unknown for phase in both),
        most_unknown=queue + BATCH_LIMITS[result.client.sender],
        acked=sum(phase.acked for phase in both),
        delta=result.delivered.end_offset_delta,
        read=counts.read,
        wrong=counts.lost + counts.duplicated + counts.reordered + counts.corrupted,
        doubts=[doubt.code for doubt in result.verdict.doubts],
    )


def summary(kills: list[Kill]) -> dict[str, Any]:
    """The worst of all, and how many held."""
    return {
        "kills": len(kills),
        "ok": sum(kill.ok for kill in kills),
        "accounted": sum(kill.is_accounted for kill in kills),
        "noticed_s_max": max(kill.noticed_s or 0.0 for kill in kills),
        "ended_s_max": max(kill.ended_s for kill in kills),
        "ended_s_median": statistics.median(kill.ended_s for kill in kills),
        "unknown_max": max(kill.unknown for kill in kills),
        "most_unknown": max(kill.most_unknown for kill in kills),
        "bounds": {"noticed_s": NOTICED_WITHIN_S, "ended_s": ENDED_WITHIN_S},
    }


def main(arguments: list[str]) -> int:
    """Kill, tell each row as it comes, keep the record."""
    parser = argparse.ArgumentParser(prog="python -m bench kills", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/runs/kills"))
    given = parser.parse_args(arguments)
    moments = random.Random(given.seed)
    kills: list[Kill] = []
    with start_broker("kafka") as broker:
        for number in range(given.count):
            kills.append(
                kill_one(broker, RATE if number % 2 else None, moments.uniform(0.0, 3.0), f"loadgen-kills-{number}")
            )
            print(json.dumps({"ok": kills[-1].ok, **msgspec.to_builtins(kills[-1])}), flush=True)
    told = summary(kills)
    given.out.mkdir(parents=True, exist_ok=True)
    record = {
        "command": f"python -m bench kills --count {given.count} --seed {given.seed}",
        "load_before": os.getloadavg()[0],
        "summary": told,
        "kills": msgspec.to_builtins(kills),
    }
    (given.out / f"kills-{given.seed}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(told))
    return 0 if told["ok"] == len(kills) else 1
