"""A sweep as it was asked for, checked whole before anything runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.grid import Parameter, combinations, flags_with, named, parse_parameters
from loadgen.experiments.guarded_runs import EXPECTED_WARM_UPS
from loadgen.experiments.record import kept_flags
from loadgen.experiments.search_flags import SearchFlags
from loadgen.judge.reading import WIRE_PER_MESSAGE
from loadgen.profile import resolve
from loadgen.quantities import parse_duration_s

DEFAULT_RUN = {"duration": "5s", "warmup": "1s", "partitions": "6"}
REPEAT = 5
OVERHEAD_S = 1.0
FLAT_OUT = ("throughput.acked_per_s", "cost.cpu_us_per_message", WIRE_PER_MESSAGE, "bytes.messages_per_request")
AT_RATE = ("latency_us.response.p50", "latency_us.response.p99", "cost.cpu_us_per_message", WIRE_PER_MESSAGE)


class SweepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep, checked whole.

    Attributes:
        flags: of every run.
        max_bytes: of payload, all runs together.
    """

    flags: dict[str, Any]
    parameters: list[Parameter]
    repeat: int
    seed: int
    max_bytes: int

    @property
    def at_rate(self) -> bool:
        """Whether runs have an offered rate."""
        return str(self.flags.get("rate", "max")) != "max"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is told, the first what pictures are of."""
        return AT_RATE if self.at_rate else FLAT_OUT

    def runs(self) -> int:
        """How many runs there will be."""
        return len(combinations(self.parameters)) * self.repeat

    def pairs(self) -> int:
        """Matched pairs behind the effect that has fewest."""
        return min(self.runs() // len(each.values) for each in self.parameters)

    def effects(self) -> int:
        """How many are told of each metric."""
        return sum(len(each.values) - 1 for each in self.parameters)

    def expected_s(self) -> float:
        """How long it takes, about."""
        length_s = parse_duration_s(self.flags["duration"]) + parse_duration_s(self.flags["warmup"], zero=True)
        warm_ups = 0 if self.flags.get("start") == "mock" else EXPECTED_WARM_UPS
        return (self.runs() + warm_ups) * (length_s + OVERHEAD_S)


def request_of(flags: Mapping[str, Any], parameters: Sequence[str], repeat: int = REPEAT) -> SweepRequest:
    """A sweep from flags.

    Raises:
        UsageError: everything that is wrong, before anything runs.
    """
    read = SearchFlags({**DEFAULT_RUN, **flags})
    read.refuse(("ramp", "steps", "verify", "slo"), "not for a sweep: every run is flat out, or at -r")
    given = read.given
    if str(given.get("rate", "")).endswith("%"):
        raise UsageError(
            "-r of a sweep in percent would offer every combination another rate: give it in events a second"
        )
    if not parameters:
        raise UsageError("--param NAME=VALUE,VALUE is what a sweep is of; repeatable, like --param linger.ms=0,5,20")
    if not 1 <= repeat <= 100:
        raise UsageError(f"--repeat {repeat} must be 1 to 100")
    max_bytes = read.max_bytes()
    read.check()
    # every value with all others as they are, then every combination: some are wrong only together
    parsed = parse_parameters(parameters, given)
    problems: list[str] = []
    for combination in combinations(parsed):
        try:
            resolve(flags_with(given, combination))
        except UsageError as error:
            problems += [f"{named(combination)}: {problem}" for problem in error.problems]
    if problems:
        raise UsageError(*problems[:8])
    return SweepRequest(
        flags=given, parameters=parsed, repeat=repeat, seed=int(given.get("seed", 1)), max_bytes=max_bytes
    )


def rule_of(request: SweepRequest) -> dict[str, Any]:
    """What was asked, for experiment.json."""
    return {
        "parameters": request.parameters,
        "repeat": request.repeat,
        "seed": request.seed,
        "flags": kept_flags(request.flags),
    }
