"""A capacity search's answer by the contract's keys, who was the limit, and the exit code. Pure."""

import statistics
from typing import Any

import msgspec

from loadgen.experiments.capacity_found import Found
from loadgen.experiments.capacity_request import CapacityRequest
from loadgen.experiments.step import JudgedStep

EXIT_CODES = {"interval": 0, "at_least": 0, "below_min": 99, "unsteady": 6}


class Probe(msgspec.Struct, frozen=True):
    """The run before the search: what it reached, the mean payload of a record, the broker's kind and number."""

    acked_per_s: float
    bytes_per_record: float
    on_mock: bool
    brokers: int
    folder: str


def answer_of(request: CapacityRequest, found: Found, steps: list[JudgedStep], probe: Probe) -> dict[str, Any]:
    """The answer by the contract's keys."""
    confirmed = [
        step for step in steps if step.purpose == "confirm" and step.rate_per_s == found.held_per_s and step.held
    ]
    shown = found.rate_per_s or found.held_per_s
    mib_per_s = shown * probe.bytes_per_record / (1 << 20) if shown else None
    return {
        "rate_per_s": found.rate_per_s,
        "low": found.low,
        "high": found.high,
        "bound": found.bound,
        "stopped_by": found.stopped_by,
        "limited_by": limited_by(found, steps),
        "held_per_s": found.held_per_s,
        "held_s": request.confirm_s if confirmed else None,
        "confirmed_runs": [step.folder for step in confirmed],
        "mib_per_s": mib_per_s,
        "per_broker_per_s": shown / max(probe.brokers, 1) if shown else None,
        "slo": [rule.text for rule in request.rules],
        "doubts": found.doubts,
        "exit_code": exit_code(found),
    }


def limited_by(found: Found, steps: list[JudgedStep]) -> str:
    """Who was the limit: of the runs that missed the SLO near the edge, what most of them say."""
    if found.stopped_by == "generator":
        return "generator"
    if found.bound == "at_least":
        return "plan"
    missed = [step.limited_by for step in steps if not step.held and not step.generator and step.limited_by != "plan"]
    return statistics.mode(missed) if missed else "broker" if found.bound == "interval" else "unknown"


def exit_code(found: Found) -> int:
    """0 interval, or at least because of --max; 5 the generator or a run that cannot be judged; 99 below; 6 unsteady."""
    if found.stopped_by in {"generator", "invalid"}:
        return 5
    return EXIT_CODES[found.bound]
