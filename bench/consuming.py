"""`python -m bench consuming [--out DIR]`: consumer groups beside runs on a real Kafka, at one rate.

end-to-end   the median from an event's planned instant to a consumer's hands, held against arithmetic: no less than a
             request's round trip, no more than that, linger and the longest fetch
slow         the group's process stopped for 10 s in the middle of a run: the rate of acknowledgements before, while it
             stands and after; all is read in the end, and the stop is in the latencies
gone         stopped until after the run: what was not read is said
"""

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil

from loadgen.brokers.target import Broker, start_broker
from loadgen.profile import resolve
from loadgen.report.latency_table import end_to_end_arithmetic
from loadgen.report.result import Interval
from loadgen.runner.coordinator import Run, carry_out

RATE = "10k/s"
BOUND = 0.05  # of the rate of acknowledgements
Row = dict[str, Any]


class Stopper:
    """Stops the reading process of a run from one second on, for a while or for good.

    Args:
        from_s, for_s: of the run, warm-up included; for_s None: until its end.
    """

    def __init__(self, from_s: float, for_s: float | None) -> None:
        self.from_s, self.for_s = from_s, for_s
        self.stopped_s = self.resumed_s = 0.0

    def look(self, row: Interval) -> None:
        """Called with each second of the run."""
        if not self.stopped_s and row.second >= self.from_s:
            self.stopped_s = row.second
            for reader in self._readers():
                os.kill(reader, signal.SIGSTOP)
        elif self.for_s and self.stopped_s and not self.resumed_s and row.second >= self.stopped_s + self.for_s:
            self.resumed_s = row.second
            for reader in self._readers():
                os.kill(reader, signal.SIGCONT)

    def _readers(self) -> list[int]:
        children = psutil.Process().children(recursive=True)
        return [child.pid for child in children if "loadgen.consumer.worker" in " ".join(child.cmdline())]


def run_beside(broker: Broker, stopper: Stopper | None, **flags: str) -> Run:
    """One paced run with one consumer group beside it."""
    settings = resolve({"start": "kafka", "workers": "1", "consume": "1", "rate": RATE, "warmup": "2s", **flags}, {})
    on_interval = None if stopper is None else stopper.look
    done = carry_out(settings, command=["bench consuming"], on_interval=on_interval, broker=broker)
    if not done.result.verdict.valid:
        raise RuntimeError(f"not a run to measure: {done.result.verdict.headline}")
    return done


def read_of(run: Run) -> Row:
    """What the group read, and how its latencies came out."""
    told, latency = run.result.consumed, run.result.latency_us.end_to_end
    assert told is not None
    return {
        "acked": run.result.messages.acked + run.result.messages.warmup.acked,
        "read": told.read[0],
        "complete": told.complete,
        "negative": told.negative,
        "p50_us": latency.p50 if latency else None,
        "max_us": latency.max if latency else None,
        "doubts": [doubt.code for doubt in run.result.verdict.doubts],
    }


def end_to_end(broker: Broker, duration: str = "10s") -> Row:
    """The median and its bounds."""
    run = run_beside(broker, None, duration=duration)
    request = run.result.latency_us.request_rtt
    words = end_to_end_arithmetic(run.result)
    row = {
        **read_of(run),
        "request_p50_us": request.p50 if request else None,
        "linger_ms": run.result.client.properties["linger.ms"],
        "fetch_wait_ms": run.result.consumed.fetch_wait_ms if run.result.consumed else None,
        "arithmetic": words,
    }
    row["ok"] = words is not None and "outside" not in words and row["complete"] and not row["negative"]
    return row


def slow(broker: Broker, before_s: float = 10.0, stop_s: float = 10.0, after_s: float = 8.0) -> Row:
    """The rate of acknowledgements while the group stands still, against the seconds before."""
    stopper = Stopper(before_s, stop_s)
    run = run_beside(broker, stopper, duration=f"{before_s + stop_s + after_s:g}s")

    def rate(from_s: float, to_s: float) -> float:
        rows = [row for row in run.intervals if from_s < row.second <= to_s]
        return sum(row.acked for row in rows) / sum(row.length_s for row in rows)

    before = rate(2.5, stopper.stopped_s)
    while_stopped = rate(stopper.stopped_s, stopper.resumed_s)
    after = rate(stopper.resumed_s, before_s + stop_s + after_s)
    row = {
        **read_of(run),
        "stopped_s": stopper.resumed_s - stopper.stopped_s,
        "acked_per_s": {"before": before, "stopped": while_stopped, "after": after},
        "change_while_stopped": while_stopped / before - 1,
        "bound": BOUND,
    }
    row["ok"] = abs(while_stopped / before - 1) < BOUND and row["complete"] and row["max_us"] >= stop_s * 0.9e6
    return row


def gone(broker: Broker) -> Row:
    """Stopped from the middle of the run on: end to end is marked incomplete."""
    run = run_beside(broker, Stopper(4.0, None), duration="6s", drain="2s")
    row = read_of(run)
    row["ok"] = not row["complete"] and row["read"] < row["acked"] and "not_all_consumed" in row["doubts"]
    return row


def main(arguments: list[str]) -> int:
    """Measure and keep the rows."""
    parser = argparse.ArgumentParser(prog="python -m bench consuming", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/runs/consuming"))
    given = parser.parse_args(arguments)
    record: dict[str, Any] = {"command": "python -m bench consuming", "rate": RATE, "load_before": os.getloadavg()[0]}
    with start_broker("kafka") as broker:
        run_beside(broker, None, duration="4s")  # the broker's code is compiled by its first load
        for name, measure in (("end_to_end", end_to_end), ("slow", slow), ("gone", gone)):
            record[name] = measure(broker)
            print(json.dumps({name: record[name]}), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "consuming.json").write_text(json.dumps(record, indent=2) + "\n")
    return 0 if all(record[name]["ok"] for name in ("end_to_end", "slow", "gone")) else 1
