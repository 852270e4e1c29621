"""What a gate runs: each side flat out, and at one equal offered rate where latencies are asked for.

Implements `judge.gate.Measure` with real runs. Before the first pair each side runs once, unjudged: it warms broker and
page cache for both alike, and the slower of the two sets the rate that both are then offered.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loadgen.errors import NotValid
from loadgen.experiments.byte_budget import ByteBudget, default_max_bytes
from loadgen.experiments.reached import reached_by
from loadgen.experiments.record import Recorder
from loadgen.experiments.run_door import Address, Request, RunApart, RunDoor, RunHere, RunOutcome
from loadgen.judge.conditions import conditions
from loadgen.judge.gate import Measured, Side
from loadgen.judge.limit import Limit
from loadgen.judge.reading import WATCHED_AT_RATE, WATCHED_FLAT_OUT, complaints, needs_rate, values
from loadgen.judge.variant import Variant
from loadgen.quantities import Rate, parse_bytes, parse_duration_s

DEFAULT_RUN = {"duration": "4s", "warmup": "1s", "workers": "1", "partitions": "6"}
DEFAULT_RATE = "50%"
RATED_SHARE = 0.5  # of the flat-out run's lengths: a latency needs less time than a throughput
QUEUE_SHARE = 0.1  # of what a run gets acknowledged: what is queued before it is then no part that shows
START_S, START_APART_S = 0.7, 1.4  # workers, topic, drain; and a process of its own: measured on two cores


def seconds_a_pair(flags: dict[str, Any], rate: Rate, *, apart: bool) -> float:
    """How long a pair takes, about.

    Args:
        apart: each run in a process of its own (`doors`).
    """
    merged = {**DEFAULT_RUN, **flags}
    length_s = parse_duration_s(merged["duration"]) + parse_duration_s(merged["warmup"], zero=True)
    start_s = START_APART_S if apart else START_S
    return 2 * (length_s + start_s + (length_s * RATED_SHARE + start_s if rate.kind != "max" else 0))


def doors(variants: Mapping[Side, Variant]) -> Callable[[Variant], RunDoor]:
    """In this process where both sides are this version; each in one of its own where either is not, so that both
    start alike.
    """
    apart = any(variant.python for variant in variants.values())
    return lambda variant: RunApart(variant.python) if apart else RunHere()


class GateRuns:
    """Runs both sides of every pair.

    Attributes:
        rate_per_s: offered to both sides; None while it is not known, or without rated runs.
        on_mock: whether any run was on a mock cluster.
    """

    def __init__(
        self,
        *,
        flags: dict[str, Any],
        variants: dict[Side, Variant],
        limits: Sequence[Limit],
        rate: Rate,
        recorder: Recorder,
        broker: Address | None,
        door: Callable[[Variant], RunDoor] | None = None,
    ) -> None:
        self.flags, self.variants, self.limits = {**DEFAULT_RUN, **flags}, variants, limits
        self.rate, self.recorder, self.broker, self.door = rate, recorder, broker, door or doors(variants)
        self.rate_per_s = rate.value if rate.kind == "events" else None
        self.on_mock = False
        self.budget = ByteBudget(_max_bytes(flags, variants))

    @property
    def rated(self) -> bool:
        """Whether each side runs a second time, at a rate."""
        return self.rate.kind != "max"

    def first_runs(self) -> None:
        """The unjudged run of each side; sets the rate when it was asked for in percent.

        Raises:
            NotValid: nothing was acknowledged, or of the warm-up only, so that no pair could be judged.
        """
        reached_per_s = []
        for side in ("baseline", "candidate"):
            flags = self._of_side(side)
            reached = reached_by(self._run(side, "first", flags))
            if reached is None:
                raise NotValid(
                    f"the first run of the {side} got nothing acknowledged: is the cluster up? loadgen doctor"
                )
            if not reached.of_measured:
                raise NotValid(_too_short(side, reached.acked_per_s, str(flags["duration"])))
            reached_per_s.append(reached.acked_per_s)
        if self.rate.kind == "percent":
            self.rate_per_s = max(round(min(reached_per_s) * self.rate.value / 100), 1)

    def __call__(self, side: Side, pair: int) -> Measured:
        """One side of one pair (`judge.gate.Measure`). Both sides of a pair send the same orders: one seed."""
        flags = {**self._of_side(side), "seed": str(int(self.flags.get("seed", 1)) + pair)}
        outcome = self._run(side, side, flags)
        wanted = [limit.metric for limit in self.limits]
        flat = [metric for metric in (*wanted, *WATCHED_FLAT_OUT) if not needs_rate(metric)]
        metrics = values(outcome.result, flat)
        found = conditions(outcome.result)
        problems = complaints(outcome.result, at_rate=False)
        folders, doubts = [outcome.folder], _doubt_codes(outcome)
        if self.rated:
            rated = self._run(side, f"{side}-rated", self._at_rate(flags))
            at_rate = [metric for metric in (*wanted, *WATCHED_AT_RATE) if needs_rate(metric)]
            metrics |= values(rated.result, at_rate)
            found |= {
                f"rated.{path}": value for path, value in conditions(rated.result).items() if path.startswith("plan.")
            }
            problems += [f"at the rate: {problem}" for problem in complaints(rated.result, at_rate=True)]
            folders.append(rated.folder)
            doubts += _doubt_codes(rated)
        return Measured(metrics=metrics, conditions=found, complaints=problems, doubts=doubts, folders=folders)

    def _of_side(self, side: Side) -> dict[str, Any]:
        variant = self.variants[side]
        merged = {**self.flags, **variant.settings}
        if "bootstrap_server" in variant.settings:
            merged.pop("start", None)
        if variant.properties:
            merged["X"] = [*self.flags.get("X", []), *(f"{name}={value}" for name, value in variant.properties.items())]
        return merged

    def _at_rate(self, flags: dict[str, Any]) -> dict[str, Any]:
        assert self.rate_per_s is not None
        shorter = {
            "duration": f"{parse_duration_s(flags['duration']) * RATED_SHARE:g}s",
            "warmup": f"{parse_duration_s(flags['warmup'], zero=True) * RATED_SHARE:g}s",
        }
        return {**flags, **shorter, "rate": f"{self.rate_per_s:.0f}"}

    def _run(self, side: Side, label: str, flags: dict[str, Any]) -> RunOutcome:
        at = self.recorder.run_folder(label)
        broker = self.broker if "bootstrap_server" not in self.variants[side].settings else None
        door = self.budget.cap(self.door(self.variants[side]))
        outcome = door(Request(flags=flags, folder=at, broker=broker))
        self.recorder.add_run(outcome.folder, label)
        self.on_mock = self.on_mock or outcome.result.get("broker", {}).get("kind") == "mock"
        return outcome


def _too_short(side: Side, acked_per_s: float, duration: str) -> str:
    queued = max(int(QUEUE_SHARE * acked_per_s * parse_duration_s(duration)), 1)
    return (
        f"the first run of the {side} got {acked_per_s:,.0f}/s acknowledged, all of it sent in its warm-up: -d {duration} is too "
        f"short for what its client holds; a longer -d, or a shorter queue: -X queue.buffering.max.messages={queued}"
    )


def _max_bytes(flags: Mapping[str, Any], variants: Mapping[Side, Variant]) -> int:
    if given := flags.get("max_bytes"):
        return parse_bytes(str(given))
    elsewhere = any("bootstrap_server" in variant.settings for variant in variants.values())
    return default_max_bytes({} if elsewhere else flags)


def _doubt_codes(outcome: RunOutcome) -> list[str]:
    return [str(doubt.get("code")) for doubt in outcome.result.get("verdict", {}).get("doubts", [])]
