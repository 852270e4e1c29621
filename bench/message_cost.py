"""`python -m bench message-cost [--rounds N] [--out DIR]`: what a message costs, by its size, partitions and producers.

    size        200 B, 16 KiB and 1 MiB records
    partitions  1, 6, 64 of the topic, orders with their id as key
    producers   1, 4, 16, 64 in one process
    workers     two against one, on two cores: sent to nowhere (the null transport), so that only our own side is weighed

All but the last on librdkafka's mock cluster, which runs beside: CPU is that of the worker and its coordinator alone.
A round is every case once, in another order; what is told is the median of the rounds. message-cost.json has every run.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import loadgen
from bench.record import DEFAULT_FOLDER, write_whole
from loadgen.brokers.target import start_broker
from loadgen.profile import resolve
from loadgen.runner.coordinator import carry_out
from loadgen.runner.environment import before

SECONDS, WARMUP_S = 2.0, 0.7
LARGEST = ["message.max.bytes=2000000", "batch.size=1000000", "queue.buffering.max.messages=200"]
RAW: dict[str, Any] = {"keys": "none", "entropy": "1"}
SCALING_BOUND = 1.7


class Case(NamedTuple):
    """One row: `table` and `name` say what is varied, `flags` are those of `loadgen run`."""

    table: str
    name: str
    flags: dict[str, Any]


def queue_of(producers: int) -> str:
    """The same room for all cases together: a queue that takes longer to fill than the warm-up lasts is not weighed full."""
    return f"queue.buffering.max.messages={100_000 // producers}"


CASES = (
    Case("size", "200 B", {**RAW, "record_size": "200"}),
    Case("size", "16 KiB", {**RAW, "record_size": "16384", "X": ["queue.buffering.max.messages=5000"]}),
    Case("size", "1 MiB", {**RAW, "record_size": "1048576", "X": LARGEST}),
    *(Case("partitions", f"{count}", {"partitions": f"{count}"}) for count in (1, 6, 64)),
    *(Case("producers", f"{count}", {"producers": f"{count}", "X": [queue_of(count)]}) for count in (1, 4, 16, 64)),
)


def cost(case: Case, seconds: float = SECONDS) -> dict[str, Any]:
    """One run, flat out, without compression, which would be weighed in its place."""
    properties = ["compression.type=none", *case.flags.get("X", [])]
    flags = {"start": "mock", "workers": "1", "duration": f"{seconds}s", "warmup": f"{WARMUP_S}s", **case.flags}
    with start_broker("mock") as broker:
        settings = resolve({**flags, "X": properties}, {})
        result = carry_out(settings, command=["bench message-cost"], broker=broker).result
    return {
        "table": case.table,
        "case": case.name,
        "cpu_us_per_message": result.cost.cpu_us_per_message,
        "acked_per_s": result.throughput.acked_per_s,
        "payload_mib_per_s": result.throughput.payload_mib_per_s,
        "messages_per_request": result.bytes.messages_per_request,
        "rss_mib_max": result.cost.rss_mib_max,
        "bad": result.messages.failed + result.messages.unknown + result.messages.rejected + result.messages.open,
    }


def scaling(seconds: float = SECONDS) -> dict[str, Any]:
    """Records a second of two processes at once over those of one alone; stamped orders through the Python lane."""
    alone = sum(_to_nowhere(1, seconds))
    both = sum(_to_nowhere(2, seconds))
    return {"one_per_s": alone, "two_per_s": both, "ratio": both / alone}


def _to_nowhere(workers: int, seconds: float) -> list[float]:
    """Each worker's rate; they start together, so that neither has the machine to itself."""
    start_ns = time.monotonic_ns() + 1_000_000_000
    code = f"from bench.message_cost import null_worker; null_worker({start_ns}, {seconds})"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(workers)]
    return [float(process.communicate()[0]) for process in started]


def null_worker(start_ns: int, seconds: float) -> None:
    """In a process of its own: from the instant on, stamped orders to the null transport; prints records a second."""
    from loadgen.messages.event_plan import EventPlan
    from loadgen.messages.source import EventSource
    from loadgen.runner.ceiling import null_per_s

    source = EventSource(
        EventPlan(kind="stamped", seed=1, run_token="7f3a9c21", producer=0, producers=1, start_epoch_us=10**15)
    )
    time.sleep(max(start_ns - time.monotonic_ns(), 0) / 1e9)
    print(null_per_s(source, seconds))


def table(rows: list[dict[str, Any]], workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median of each case's rounds, in the order of the cases; then the scaling."""
    told: list[dict[str, Any]] = []
    for case in CASES:
        of_case = [row for row in rows if (row["table"], row["case"]) == (case.table, case.name)]
        costs = sorted(row["cpu_us_per_message"] for row in of_case)
        if not costs:
            continue
        told.append(
            {
                "table": case.table,
                "case": case.name,
                "cpu_us_per_message": {"median": median(costs), "from": costs[0], "to": costs[-1]},
                "acked_per_s": median(row["acked_per_s"] for row in of_case),
                "payload_mib_per_s": median(row["payload_mib_per_s"] for row in of_case),
                "rounds": len(of_case),
            }
        )
    if workers:
        ratios = sorted(row["ratio"] for row in workers)
        spread = {"median": median(ratios), "from": ratios[0], "to": ratios[-1]}
        told.append({"table": "workers", "case": "2 over 1", "ratio": spread, "bound": SCALING_BOUND})
    return told


def line(row: dict[str, Any]) -> str:
    """A row for the terminal."""
    name = f"{row['table']:11}{row['case']:>9}"
    if "ratio" in row:
        ratio = row["ratio"]
        return f"{name}  {ratio['median']:.2f} × [{ratio['from']:.2f}–{ratio['to']:.2f}], asked ≥ {row['bound']}"
    cost_us = row["cpu_us_per_message"]
    spread = f"{cost_us['median']:.2f} µs [{cost_us['from']:.2f}–{cost_us['to']:.2f}]"
    return f"{name}  {spread:28} {row['acked_per_s']:>12,.0f} msg/s {row['payload_mib_per_s']:>8,.0f} MiB/s"


def main(arguments: list[str]) -> int:
    """Measure every case in turn and keep the runs."""
    parser = argparse.ArgumentParser(
        prog="python -m bench message-cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="default %(default)s")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    order, rows, workers = random.Random(1), [], []
    for number in range(given.rounds):
        for case in order.sample(CASES, len(CASES)):
            rows.append({"round": number, **cost(case)})
            print(json.dumps(rows[-1], ensure_ascii=False), file=sys.stderr, flush=True)
        workers.append(scaling())
    told = table(rows, workers)
    record = {
        "command": f"python -m bench message-cost {' '.join(arguments)}".strip(),
        "loadgen": loadgen.__version__,
        "environment": before(),
        "table": told,
        "runs": rows,
        "workers": workers,
    }
    write_whole(given.out / "message-cost.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print("MOCK  no Kafka was involved: CPU of the worker and its coordinator")
    print("\n".join(line(row) for row in told))
    return 0
