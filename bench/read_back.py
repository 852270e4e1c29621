"""`python -m bench read-back [--records N] [--rounds N] [--out DIR]`: how fast, and in how much memory, a run is read back.

Two runs are sent to a real Kafka, stamped and fresh, and kept; each is read back by ids and byte for byte, by one process
and by two, in turn. Memory is that of a hundred million events: every one marked as read, one by one in batches, and
settled against their outcomes, in a process of its own.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from loadgen.brokers.admin import delete_topic
from loadgen.brokers.target import Broker, start_broker
from loadgen.profile import resolve
from loadgen.recorder.outcomes import Outcomes
from loadgen.report.result import Result
from loadgen.runner.coordinator import carry_out
from loadgen.verify.against import verify_run
from loadgen.verify.seen import Seen, Settled
from loadgen.verify.verification import Mode

HUNDRED_MILLION = 100_000_000
MARKED_AT_ONCE = 100_000
MEMORY_BOUND_MB = 200
WAYS: dict[str, tuple[str, Mode, int]] = {  # (events, mode, records a second and process that were asked)
    "ids": ("stamped", "ids", 300_000),
    "full stamped": ("stamped", "full", 200_000),
    "full fresh": ("fresh", "full", 100_000),
}


def sent(broker: Broker, events: str, records: int) -> Result:
    """A run of so many records that stays in its topic."""
    flags = {"start": "kafka", "workers": "1", "warmup": "0", "events": events, "count": str(records)}
    settings = resolve({**flags, "keep_topic": True}, {})
    result = carry_out(settings, command=["bench read-back"], broker=broker).result
    if result.messages.acked != records:
        raise RuntimeError(
            f"{result.messages.acked:,} of {records:,} were acknowledged: not the run that was asked for"
        )
    return result


def speed(broker: Broker, records: int, rounds: int) -> dict[str, Any]:
    """Records a second by way and number of processes: the median of the rounds, least and most.

    Of one process also the CPU time of the thread that consumes and checks, which is what limits it: on a host that others
    use too, a record's share of that is steadier than the clock's.
    """
    runs = {events: sent(broker, events, records) for events in ("stamped", "fresh")}
    rates: dict[tuple[str, int], list[float]] = {}
    thread_us: dict[str, list[float]] = {}
    try:
        for _ in range(rounds):
            for way, (events, mode, _) in WAYS.items():
                for processes in (1, 2):
                    before_s = time.thread_time()
                    found = verify_run(runs[events], None, broker.bootstrap, {}, mode, processes=processes)
                    if processes == 1:
                        thread_us.setdefault(way, []).append((time.thread_time() - before_s) / records * 1e6)
                    if not found.ok or found.verified.read != records:
                        raise RuntimeError(f"{way}: {found.verified}: wrong data is no measure of speed")
                    rates.setdefault((way, processes), []).append(found.read_per_s)
    finally:
        for result in runs.values():
            delete_topic(broker, result.plan.topic, {})
    told: dict[str, Any] = {}
    for (way, processes), values in rates.items():
        row = {"median": statistics.median(values), "least": min(values), "most": max(values)}
        if processes == 1:
            row |= {"asked": WAYS[way][2], "ok": statistics.median(values) >= WAYS[way][2]}
            row["thread_us_per_record"] = statistics.median(thread_us[way])
        told.setdefault(way, {})[f"{processes} process{'es' * (processes > 1)}"] = row
    return told


def settle(events: int) -> dict[str, Any]:
    """Mark so many events as read, but for a few, and settle them; how far this process grew. For a process of its own."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    producers = 2
    seen, outcomes = Seen([events // producers] * producers), Outcomes.all_acked([events // producers] * producers)
    missing = events // 2 - 7
    for producer in range(producers):
        for first in range(0, events // producers, MARKED_AT_ONCE):
            sequences = np.arange(first, min(first + MARKED_AT_ONCE, events // producers))
            sequences = sequences[sequences != missing]
            seen.mark(seen.places(np.full(len(sequences), producer), sequences))
    settled = Settled(seen, Seen([events // producers] * producers), outcomes, examples=5)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) * 1024 / 1e6
    return {
        "events": events,
        "grown_mb": grown_mb,
        "bits_mb": (seen.bits.nbytes * 2 + sum(map(len, outcomes.cells))) / 1e6,
        "lost": settled.lost,
        "bound_mb": MEMORY_BOUND_MB,
        "ok": grown_mb <= MEMORY_BOUND_MB and settled.lost == producers,
    }


def memory() -> dict[str, Any]:
    """`settle` in a process of its own."""
    call = f"import json; from bench.read_back import settle; print(json.dumps(settle({HUNDRED_MILLION})))"
    answer = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(answer.stdout)
    return row


def main(arguments: list[str]) -> int:
    """Measure and keep the record."""
    parser = argparse.ArgumentParser(prog="python -m bench read-back", description=__doc__)
    parser.add_argument("--records", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/runs/read-back"))
    given = parser.parse_args(arguments)
    record: dict[str, Any] = {
        "command": f"python -m bench read-back --records {given.records} --rounds {given.rounds}",
        "load_before": os.getloadavg()[0],
        "memory": memory(),
    }
    print(json.dumps(record), flush=True)
    with start_broker("kafka") as broker:
        record["records_per_s"] = speed(broker, given.records, given.rounds)
    print(json.dumps(record["records_per_s"], indent=2))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "read-back.json").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    return 0
