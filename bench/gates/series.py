"""One real gate after the other, a row each: what was asked, what it answered, the log-ratio of every pair.

Place: driven by `command`; the rows are read by `summary`. The gate is the one of `loadgen gate`, in this process, with
one broker for all gates of a series; each gate's runs are removed once its row is made.
"""

import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.gates.planted import BUSY, PLAIN, TURNS_NAME
from loadgen.errors import NotValid
from loadgen.experiments.gate_calibration import calibration_of
from loadgen.experiments.gate_request import GateRequest, Mode, request_of, rule_of
from loadgen.experiments.gate_runs import GateRuns
from loadgen.experiments.gate_session import run_gate
from loadgen.experiments.record import begin
from loadgen.experiments.run_door import Address, Request, RunHere
from loadgen.judge.gate import GateRun

ACKED, CPU = "throughput.acked_per_s", "cost.cpu_us_per_message"
LOSSES = {"slower": 0.10, "costlier": 0.05}
"""Planted: a share of the throughput; a share of the CPU of a message."""

COSTLIER_LIMIT = f"{CPU}+3%"
TRIAL_TURNS = 300
TRIAL_ROUNDS = 10
WARM_UP = "10s"
NONE = "none"  # a gate that ended without a verdict: a row like every other, and no pass


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What all gates of a machine have in common.

    Attributes:
        pairs, duration, warmup: of a gate, and of each run.
        limits: calibrated, of both deciding metrics.
        log_ratios, spreads: of the calibration's pairs, by metric.
        baseline: medians of the calibration's runs by metric.
        turn_ns, turn_cpu_ns: what a turn of the busy loop adds to the time and to the CPU of a message.
        turns: of the busy loop, by kind of gate.
    """

    start: str
    pairs: int
    duration: str
    warmup: str
    limits: list[str] = []
    log_ratios: dict[str, list[float]] = {}
    spreads: dict[str, float] = {}
    baseline: dict[str, float] = {}
    turn_ns: float = 0.0
    turn_cpu_ns: float = 0.0
    turns: dict[str, int] = {}

    @property
    def load_s(self) -> float:
        """The load of a gate that runs all its pairs."""
        return 2 * self.pairs * (float(self.duration[:-1]) + float(self.warmup[:-1]))


def flags_of(setup: Setup, seed: int) -> dict[str, Any]:
    """The settings of both sides."""
    return {"start": setup.start, "duration": setup.duration, "warmup": setup.warmup, "seed": str(seed), "rate": "max"}


def asked(setup: Setup, kind: str, number: int) -> GateRequest:
    """Gate number `number` of a series, from 1; its number is its seed, so that every gate draws other orders."""
    limits = {"calibrate": (f"{ACKED}-10%", f"{CPU}+10%"), "same": setup.limits, "costlier": [COSTLIER_LIMIT]}
    only_throughput = [text for text in setup.limits if text.startswith(ACKED)]
    mode: Mode = "calibrate" if kind == "calibrate" else "gate"
    return request_of(
        flags_of(setup, number),
        baseline=f"events={PLAIN}",
        candidate=f"events={BUSY if kind in LOSSES else PLAIN}",
        fail_if=limits.get(kind, only_throughput),
        pairs=setup.pairs,
        file=Path(os.devnull).with_name("no-gate.toml"),
        mode=mode,
    )


def carried_out(request: GateRequest, broker: Address | None) -> GateRun:
    """The gate, without its files."""
    with tempfile.TemporaryDirectory(prefix="gates-") as folder:
        recorder = begin(Path(folder), "gate", "gate", ["bench", "gates"], rule_of(request))
        runs = GateRuns(
            flags=request.flags,
            variants={"baseline": request.plan.baseline, "candidate": request.plan.candidate},
            limits=request.plan.limits,
            rate=request.rate,
            recorder=recorder,
            broker=broker,
        )
        return run_gate(request, runs, recorder, time.monotonic)


def row_of(setup: Setup, kind: str, number: int, broker: Address | None) -> dict[str, Any]:
    """One gate and its row."""
    os.environ[TURNS_NAME] = str(setup.turns.get(kind, 0))
    load_before, started_at, started_s = os.getloadavg()[0], datetime.now(UTC), time.monotonic()
    request = asked(setup, kind, number)
    try:
        told = _answer(carried_out(request, broker))
    except NotValid as error:
        told = {"verdict": NONE, "reason": str(error), "pairs": 0, "metrics": {}, "log_ratios": {ACKED: [], CPU: []}}
    return {
        "kind": kind,
        "gate": number,
        "limits": [limit.text for limit in request.plan.limits],
        **told,
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started_s, 1),
        "load_before": round(load_before, 2),
    }


def _answer(run: GateRun) -> dict[str, Any]:
    return {
        "verdict": run.verdict.verdict,
        "pairs": run.verdict.pairs,
        "stopped_by": run.stopped_by,
        "metrics": {metric.name: _told(run, metric.name) for metric in run.verdict.metrics if metric.decides},
        "log_ratios": {metric: _log_ratios(run, metric) for metric in (ACKED, CPU)},
        "doubts": sorted({doubt.code for doubt in run.verdict.doubts}),
    }


def _told(run: GateRun, name: str) -> dict[str, Any]:
    metric = next(metric for metric in run.verdict.metrics if metric.name == name)
    return {key: getattr(metric, key) for key in ("verdict", "ratio", "low", "high", "p", "spread", "limit")}


def _log_ratios(run: GateRun, metric: str) -> list[float]:
    return [
        round(math.log(pair.candidate.metrics[metric]) - math.log(pair.baseline.metrics[metric]), 6)
        for pair in run.pairs
    ]


def warm_up(setup: Setup, broker: Address | None) -> None:
    """A long run that is nobody's figure: a Kafka's code is compiled by its first load."""
    os.environ[TURNS_NAME] = "0"
    with tempfile.TemporaryDirectory(prefix="gates-") as folder:
        flags = {**flags_of(setup, 1), "duration": WARM_UP, "workers": "1", "partitions": "6", "events": PLAIN}
        RunHere()(Request(flags=flags, folder=f"{folder}/run", broker=broker))


def calibrated(setup: Setup, broker: Address | None) -> Setup:
    """The setup with its limits, and with the busy loops that plant the losses on this machine."""
    os.environ[TURNS_NAME] = "0"
    request = asked(setup, "calibrate", 0)
    run = carried_out(request, broker)
    found = calibration_of(run, request.plan.limits, request.looks)
    runs = [side.metrics for pair in run.pairs for side in (pair.baseline, pair.candidate)]
    baseline = {metric: statistics.median(each[metric] for each in runs) for metric in (ACKED, CPU)}
    turn_ns, turn_cpu_ns = _turn_costs(setup, broker)
    message_ns = 1e9 / baseline[ACKED]
    return msgspec.structs.replace(
        setup,
        limits=[each.limit.text for each in found],
        log_ratios={metric: _log_ratios(run, metric) for metric in (ACKED, CPU)},
        spreads={each.metric: each.spread for each in found},
        baseline=baseline,
        turn_ns=turn_ns,
        turn_cpu_ns=turn_cpu_ns,
        turns={
            "slower": round(message_ns * (1 / (1 - LOSSES["slower"]) - 1) / turn_ns),
            "costlier": round(baseline[CPU] * 1000 * LOSSES["costlier"] / turn_cpu_ns),
        },
    )


def _turn_costs(setup: Setup, broker: Address | None) -> tuple[float, float]:
    """Nanoseconds of time and of CPU that a turn of the loop adds to a message: medians over pairs run in turn."""
    door, time_ns, cpu_ns = RunHere(), [], []
    with tempfile.TemporaryDirectory(prefix="gates-") as folder:
        for round_number in range(TRIAL_ROUNDS):
            figures: dict[int, Mapping[str, Any]] = {}
            for turns in (0, TRIAL_TURNS) if round_number % 2 else (TRIAL_TURNS, 0):
                os.environ[TURNS_NAME] = str(turns)
                flags = {**flags_of(setup, round_number + 1), "workers": "1", "partitions": "6", "events": BUSY}
                where = f"{folder}/{round_number}-{turns}"
                figures[turns] = door(Request(flags=flags, folder=where, broker=broker)).result
            without, with_loop = figures[0], figures[TRIAL_TURNS]
            time_ns.append(_message_ns(with_loop) - _message_ns(without))
            cpu_ns.append(1000 * (with_loop["cost"]["cpu_us_per_message"] - without["cost"]["cpu_us_per_message"]))
    return statistics.median(time_ns) / TRIAL_TURNS, statistics.median(cpu_ns) / TRIAL_TURNS


def _message_ns(result: Mapping[str, Any]) -> float:
    return 1e9 / float(result["throughput"]["acked_per_s"])


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a series; none when it has not begun."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row, whole or not at all as far as a reader can tell: one write, synced."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many gates ended how."""
    verdicts = [row["verdict"] for row in rows]
    return {verdict: verdicts.count(verdict) for verdict in ("pass", "regressed", "improved", "inconclusive", NONE)}
