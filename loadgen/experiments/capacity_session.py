"""A capacity search over real runs: its steps as open-loop runs, its record as it grows.

Each step is a run of its own with its own warm-up and, unless a topic is named, its own topic, so that no step pays for
the log that another one wrote. A probe comes first, flat out or at --max: it sets where to start, and what all steps
together will send at most. Not here: what was asked (`capacity_request`), the search (`capacity`), text and pictures.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from loadgen.errors import NotValid
from loadgen.experiments.capacity import Search
from loadgen.experiments.capacity_answer import Probe, answer_of
from loadgen.experiments.capacity_found import CapacityPlan, Found, replayed
from loadgen.experiments.capacity_request import (
    PROBE_S,
    PROBE_WARMUP_S,
    CapacityRequest,
    least_judgeable_per_s,
    rule_of,
)
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.reached import reached_by
from loadgen.experiments.step import JudgedStep, judge_step

START_SHARE = 0.25  # of the flat-out rate: an open loop holds less, and the way up is short
LEAST_SHARE = 0.001
BEYOND_S = 3_600.0  # what a step may take beyond its plan before --max-time ends it


class CapacityRuns:
    """Steps as real runs (`capacity.Step`).

    Attributes:
        probed: the run before the search; None before it.
    """

    def __init__(self, request: CapacityRequest, guarded: GuardedRuns) -> None:
        self.request, self.guarded = request, guarded
        self.probed: Probe | None = None

    def probe(self) -> Probe:
        """The run before the search: flat out, or at --max, which nothing ever exceeds.

        Raises:
            NotValid: nothing was acknowledged.
        """
        flags = {**self.request.flags, **self._lengths(PROBE_S, PROBE_WARMUP_S)}
        if self.request.most_per_s is not None:
            flags["rate"] = f"{self.request.most_per_s:.0f}"
        if flags.get("start") is not None:
            self.guarded.warm_up(flags)  # a cluster that was started for this is cold
        outcome = self.guarded.run(flags, "probe")
        reached = reached_by(outcome)
        if reached is None:
            raise NotValid("the probe got nothing acknowledged, so there is no rate to begin with: loadgen doctor")
        broker = outcome.result.get("broker", {})
        return Probe(
            reached.acked_per_s,
            reached.bytes_per_record,
            broker.get("kind") == "mock",
            broker.get("brokers", 1),
            outcome.folder,
        )

    def plan(self, probe: Probe) -> CapacityPlan:
        """Where to search, from what was asked and what the probe reached."""
        least = self.request.least_per_s or max(
            probe.acked_per_s * LEAST_SHARE, least_judgeable_per_s(self.request), 1.0
        )
        most = self.request.most_per_s or 1e9
        return CapacityPlan(
            start_per_s=min(max(probe.acked_per_s * START_SHARE, least), most),
            least_per_s=least,
            most_per_s=max(most, least),
            confirm_runs=self.request.confirm_runs,
            soak=self.request.soak_s is not None,
        )

    def most_bytes(self, probe: Probe) -> float:
        """What the search can send at most, about: every run at the rate that the probe reached."""
        return self.request.most_s(self.request.warmup_s) * probe.acked_per_s * probe.bytes_per_record

    def __call__(self, rate_per_s: float, purpose: str) -> JudgedStep:
        """One step (`capacity.Step`).

        Raises:
            UsageError: it would exceed --max-bytes.
            Unreachable: the broker refused records, or does not answer.
        """
        length_s = self.request.lengths_s()[purpose]
        per_record = self.probed.bytes_per_record if self.probed else 0.0
        flags = {
            **self.request.flags,
            **self._lengths(length_s, self.request.warmup_s),
            "rate": f"{rate_per_s:.0f}",
        }
        at_s = self.guarded.now_s() - self.guarded.started_s
        ahead_bytes = rate_per_s * (length_s + self.request.warmup_s) * per_record
        outcome = self.guarded.run(flags, purpose, ahead_bytes=ahead_bytes)
        return judge_step(
            outcome.result,
            outcome.intervals,
            self.request.rules,
            rate_per_s,
            purpose=purpose,
            at_s=at_s,
            folder=outcome.folder,
        )

    def _lengths(self, length_s: float, warmup_s: float) -> dict[str, str]:
        """Of one run, and a cap on its time that no soak runs into."""
        return {
            "duration": f"{length_s:g}s",
            "warmup": f"{warmup_s:g}s",
            "max_time": f"{length_s + warmup_s + BEYOND_S:g}s",
        }


def run_search(
    request: CapacityRequest,
    runs: CapacityRuns,
    on_step: Callable[[Search, JudgedStep], None],
    on_probe: Callable[[Probe], None] | None = None,
) -> tuple[Found, dict[str, Any]]:
    """Search and write the record as it goes; a record that has steps is gone on with.

    Returns:
        What was found, and the answer by the contract's keys.

    Raises:
        LoadgenError, KeyboardInterrupt: it ended early; the record can be resumed.
    """
    recorder = runs.guarded.recorder
    before = [msgspec.convert(step, JudgedStep) for step in recorder.experiment.steps]
    kept = recorder.experiment.rule.get("probe")
    probe = runs.probed = msgspec.convert(kept, Probe) if kept else runs.probe()
    recorder.write(rule={**rule_of(request), "probe": probe}, on_mock=probe.on_mock)
    if on_probe:
        on_probe(probe)

    def after(search: Search, step: JudgedStep) -> None:
        # what was replayed is in the record already, and more than has been replayed so far
        if len(search.steps) >= len(recorder.experiment.steps):
            recorder.write(steps=list(search.steps))
        on_step(search, step)

    search = Search(runs.plan(probe), replayed(before, runs), after)
    found = search.find()
    answer = answer_of(request, found, search.steps, probe)
    answer["overhead_share"], answer["sending_share"] = runs.guarded.overhead_share(), runs.guarded.sending_share()
    recorder.write(state="done", answer=answer, steps=list(search.steps))
    return found, answer
