"""`python -m bench in-flight [--rounds N] [--out DIR]`: one request in flight against five, in turn, on one real Kafka.

The document this project started from sets max.in.flight to 1 "to preserve order"; idempotence keeps it for up to five.
Each round is a pair in random order: throughput flat out, and response times at one equal rate.
"""

import argparse
import json
import random
import statistics
from pathlib import Path
from typing import Any

from loadgen.brokers.target import Broker, start_broker
from loadgen.profile import resolve
from loadgen.report.result import Result
from loadgen.runner.coordinator import carry_out

RATE = "20k/s"


def run(broker: Broker, in_flight: int, **flags: Any) -> Result:
    """One run of 4 s."""
    settings = resolve(
        {
            "start": "kafka",
            "workers": "1",
            "duration": "4s",
            "warmup": "2s",
            "X": [f"max.in.flight={in_flight}"],
            **flags,
        },
        {},
    )
    return carry_out(settings, command=["bench in-flight"], broker=broker).result


def main(arguments: list[str]) -> int:
    """Measure and keep the rows."""
    parser = argparse.ArgumentParser(prog="python -m bench in-flight", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/runs/in-flight"))
    given = parser.parse_args(arguments)
    order = random.Random(1)
    rows: list[dict[str, Any]] = []
    with start_broker("kafka") as broker:
        run(broker, 5)  # the broker's code is compiled by its first load, which is nobody's figure
        for round_number in range(given.rounds):
            row: dict[str, Any] = {"round": round_number}
            for in_flight in order.sample([1, 5], 2):
                flat_out, paced = run(broker, in_flight), run(broker, in_flight, rate=RATE)
                response = paced.latency_us.response
                row[str(in_flight)] = {
                    "acked_per_s": flat_out.throughput.acked_per_s,
                    "cpu_us_per_message": flat_out.cost.cpu_us_per_message,
                    "response_p50_us": response.p50 if response else None,
                    "response_p99_us": response.p99 if response else None,
                }
            rows.append(row)
            print(json.dumps(row), flush=True)
    ratios = sorted(row["5"]["acked_per_s"] / row["1"]["acked_per_s"] for row in rows)
    summary = {"acked_per_s_5_over_1": {"median": statistics.median(ratios), "from": ratios[0], "to": ratios[-1]}}
    given.out.mkdir(parents=True, exist_ok=True)
    record = {"rate": RATE, "rounds": rows, "summary": summary, "command": "python -m bench in-flight"}
    (given.out / "in-flight.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(summary))
    return 0
