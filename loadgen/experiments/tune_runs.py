"""A tuner's trial over real runs: one at the rate that was asked for, or, without one, at the combination's own capacity.

At its own capacity a combination is run flat out first, which is what it can reach, then at a share of that with a plan,
which is what has a response time: the rate that counts is the one that was offered and kept. A combination that misses
the SLO there is tried once more at half of it. Not here: which combinations (`tune`).
"""

from typing import Any

import msgspec

from loadgen.experiments.early_end import EarlyEnd
from loadgen.experiments.grid import Combination, flags_with
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.reached import reached_by
from loadgen.experiments.run_door import RunOutcome, Stopped
from loadgen.experiments.step import MOST_MARGIN, judge_step
from loadgen.experiments.trial import Trial
from loadgen.experiments.tune_request import FLAT_OUT_S, TuneRequest
from loadgen.judge.reading import WIRE_PER_MESSAGE, complaints, metric_value
from loadgen.quantities import parse_rate
from loadgen.slo import value_at

SHARES = (0.7, 0.35)  # of what flat out reaches
FAR_BEHIND = 0.75  # of the best's rate: the noise of a run hardly makes up for that
NOT_TAKEN = 0.8  # of the offered rate
AXES = {
    "rate_per_s": "throughput.acked_per_s",
    "p99_us": "latency_us.response.p99",
    "cpu_us": "cost.cpu_us_per_message",
    "wire_bytes": WIRE_PER_MESSAGE,
}
SHOWN = {
    "p50_us": "latency_us.response.p50",
    "messages_per_request": "bytes.messages_per_request",
    "batch_fill_pct": "bytes.batch_fill_pct",
    "compression_ratio": "bytes.compression_ratio",
    "lateness_us": "breakdown_us.usual.lateness",
    "client_queue_us": "breakdown_us.usual.client_queue",
    "broker_us": "breakdown_us.usual.network_and_broker",
    "per_producer_per_s": "plan.per_producer_per_s",
    "partitions": "plan.partitions",
}


class TuneRuns:
    """Trials as real runs (`tune.Evaluate`).

    Args:
        early: what the door ends runs by; None: every run goes to its end.
    """

    def __init__(self, request: TuneRequest, guarded: GuardedRuns, early: EarlyEnd | None = None) -> None:
        self.request, self.guarded, self.early = request, guarded, early or EarlyEnd()

    def __call__(self, combination: Combination, best: Trial | None, label: str = "trial") -> Trial:
        """One trial.

        Args:
            best: so far; None: the trial is not ended early for being behind.

        Raises:
            UsageError: --max-bytes would be exceeded.
            Unreachable: the broker refused records, or does not answer.
        """
        flags = flags_with(self.request.flags, combination)
        if self.request.at_rate:
            return self._at(flags, combination, str(self.request.flags["rate"]), label)
        return self._at_capacity(flags, combination, best, label)

    def _at_capacity(self, flags: dict[str, Any], combination: Combination, best: Trial | None, label: str) -> Trial:
        far_behind_per_s = self._far_behind(best)
        self.early.below(far_behind_per_s)
        try:
            flat = self._run({**flags, "duration": f"{FLAT_OUT_S:g}s"}, f"{label}-flat-out")
        except Stopped as stopped:
            return _behind(combination, stopped.acked_per_s)
        reached = reached_by(flat)
        # what waited behind the warm-up's records has nothing to judge, and the run at a rate will be judged itself
        problems = complaints(flat.result, at_rate=False) if reached is None or reached.of_measured else []
        if reached is None or problems:
            why = next(iter(problems), "its flat-out run acknowledged nothing a second")
            return Trial(combination=combination, complaint=why, folders=[flat.folder])
        if far_behind_per_s is not None and reached.acked_per_s < far_behind_per_s:
            return _behind(combination, reached.acked_per_s, flat.folder)
        trial = Trial(combination=combination)
        for share in SHARES:
            trial = self._at(flags, combination, f"{share * reached.acked_per_s:.0f}", label)
            if trial.margin is not None and trial.margin < 0:
                break
        shown = {**trial.shown, "flat_out_per_s": reached.acked_per_s}
        return msgspec.structs.replace(trial, shown=shown, folders=[flat.folder, *trial.folders])

    def _far_behind(self, best: Trial | None) -> float | None:
        """Flat out below this, a combination cannot come near the best even at the larger share; None: it may.

        Only where the rate is the objective, and only behind one that meets the SLO.
        """
        if self.request.objective != "throughput" or best is None or best.margin is None or best.margin >= 0:
            return None
        return FAR_BEHIND * best.values["rate_per_s"] / SHARES[0]

    def _at(self, flags: dict[str, Any], combination: Combination, rate: str, label: str) -> Trial:
        asked = parse_rate(rate)
        self.early.below(NOT_TAKEN * asked.value if asked.kind == "events" else None)
        try:
            outcome = self._run({**flags, "rate": rate, "duration": f"{self.request.run_s:g}s"}, label)
        except Stopped:
            return Trial(combination=combination, pruned=True, margin=MOST_MARGIN)
        return trial_of(outcome, combination, self.request)

    def _run(self, flags: dict[str, Any], label: str) -> RunOutcome:
        return self.guarded.run({**flags, "warmup": f"{self.request.warmup_s:g}s"}, label, ahead_bytes=self._ahead())

    def _ahead(self) -> float:
        """What the next run sends, about: what the runs so far sent on average."""
        return self.guarded.sent_bytes / max(len(self.guarded.recorder.experiment.runs), 1)


def trial_of(outcome: RunOutcome, combination: Combination, request: TuneRequest) -> Trial:
    """A run at a rate as a trial.

    A rate that was not kept is the settings' own fault here, whether the cluster or this host was the limit: the other
    combinations had the same of both. It misses the SLO by far.
    """
    result = outcome.result
    step = judge_step(result, outcome.intervals, request.rules, value_at(result, "plan.offered_per_s") or 0.0)
    values = {axis: found for axis, metric in AXES.items() if (found := metric_value(result, metric))}
    shown = {name: found for name, metric in SHOWN.items() if (found := value_at(result, metric)) is not None}
    acked, payload = value_at(result, "messages.acked"), value_at(result, "bytes.payload")
    if acked and payload:
        shown["record_bytes"] = payload / acked
    return Trial(
        combination=combination,
        values=values,
        margin=MOST_MARGIN if step.generator else step.margin,
        complaint=step.invalid,
        shown=shown,
        folders=[outcome.folder],
    )


def _behind(combination: Combination, reached_per_s: float, *folders: str) -> Trial:
    """A trial that ended after its flat-out run; whether it meets the SLO was not looked at, and need not be."""
    values = {"rate_per_s": SHARES[0] * reached_per_s}
    return Trial(combination=combination, pruned=True, values=values, folders=list(folders))
