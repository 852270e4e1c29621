"""Two sets of stored runs side by side: first whether they may be compared, then what differs and by how much.

Grades by `conditions`: the same; changed (listed, and every row marked); not comparable (refused, or stamped when
forced). Stored runs were not interleaved, so nothing is paired: the test is `rank_sum`, its unit the run, and one run a
side can show a difference but never call it one. Not here: verdicts that a CI may act on (`gate`).
"""

import math
from collections.abc import Sequence

import msgspec

from loadgen.errors import NotValid
from loadgen.judge.conditions import Difference, Grade, at, conditions, differences, grade_of
from loadgen.judge.modes import two_levels
from loadgen.judge.rank_sum import unpaired
from loadgen.judge.reading import all_values, complaints, needs_rate
from loadgen.judge.result_file import StoredRun
from loadgen.judge.stats import log_ratios
from loadgen.report.result import Doubt

ALPHA = 0.05
SHOWN_FIRST = (
    "throughput.acked_per_s",
    "latency_us.response.p50",
    "latency_us.response.p99",
    "latency_us.response.p99_9",
    "latency_us.service.p50",
    "latency_us.service.p99",
    "latency_us.request_rtt.p50",
    "latency_us.request_rtt.p99",
    "cost.cpu_us_per_message",
    "cost.rss_mib_max",
    "bytes.wire_per_message",
    "bytes.messages_per_request",
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of both sides: medians, ratio B ÷ A with its interval, two-sided p; differs: p ≤ 0.05."""

    name: str
    a: float
    b: float
    ratio: float
    low: float | None
    high: float | None
    p: float
    differs: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison; `forced` when it was made although the sides are not comparable."""

    schema: str = "loadgen.comparison/1"
    grade: Grade
    forced: bool
    runs_a: int
    runs_b: int
    on_mock: bool
    differences: list[Difference]
    rows: list[Row]
    doubts: list[Doubt]


def compare(a: Sequence[StoredRun], b: Sequence[StoredRun], *, force: bool = False) -> Comparison:
    """Compare two sets of runs.

    Args:
        force: compare what is not comparable; the output is stamped with it.

    Raises:
        NotValid: not comparable, a side that mixes runs that are not, or a run that is not valid.
    """
    found = _all_differences(a, b)
    invalid = [f"{run.path}: {problem}" for run in (*a, *b) for problem in complaints(run.data, at_rate=False)]
    grade = grade_of(found)
    if (grade == "not comparable" or invalid) and not force:
        reasons = [*(str(each) for each in found if each.grade == "not comparable"), *invalid]
        more = f" and {len(reasons) - 4} more" if len(reasons) > 4 else ""
        raise NotValid(f"not comparable: {'; '.join(reasons[:4])}{more}; --force compares all the same, stamped")
    values_a, values_b = [all_values(run.data) for run in a], [all_values(run.data) for run in b]
    metrics = [name for name in SHOWN_FIRST if all(name in values for values in (*values_a, *values_b))]
    open_loop = all(at(run.data, "plan.loop") == "open" for run in (*a, *b))
    rows = [
        _row(name, [values[name] for values in values_a], [values[name] for values in values_b])
        for name in metrics
        if open_loop or not needs_rate(name) or "request_rtt" in name
    ]
    doubts = [Doubt("invalid_run", problem, "leave it out") for problem in invalid]
    doubts += _doubts(a, b, [values_a, values_b], [row.name for row in rows])
    return Comparison(
        grade=grade,
        forced=force and (grade == "not comparable" or bool(invalid)),
        runs_a=len(a),
        runs_b=len(b),
        on_mock=any(at(run.data, "broker.kind") == "mock" for run in (*a, *b)),
        differences=found,
        rows=rows,
        doubts=doubts,
    )


def _all_differences(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> list[Difference]:
    """Between the sides, and inside one where it forbids a comparison."""
    all_a, all_b = [conditions(run.data) for run in a], [conditions(run.data) for run in b]
    found = differences(all_a[0], all_b[0])
    for runs in (all_a, all_b):
        for other in runs[1:]:
            found += [each for each in differences(runs[0], other) if each.grade == "not comparable"]
    unique = {(each.condition, str(each)): each for each in found}
    return sorted(unique.values(), key=lambda each: each.grade != "not comparable")


def _row(name: str, a: Sequence[float], b: Sequence[float]) -> Row:
    logs_a, logs_b = log_ratios([1.0] * len(a), a, name), log_ratios([1.0] * len(b), b, name)
    told = unpaired(logs_a, logs_b)
    return Row(
        name=name,
        a=_median(a),
        b=_median(b),
        ratio=math.exp(told.shift),
        low=math.exp(told.low) if math.isfinite(told.low) else None,
        high=math.exp(told.high) if math.isfinite(told.high) else None,
        p=told.p,
        differs=told.p <= ALPHA,
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _doubts(
    a: Sequence[StoredRun],
    b: Sequence[StoredRun],
    values: Sequence[Sequence[dict[str, float]]],
    metrics: Sequence[str],
) -> list[Doubt]:
    found = [
        Doubt(
            "not_interleaved",
            "stored runs were not run in turn: whatever changed on the machine between them is in the ratio",
            "loadgen gate, which runs both sides in pairs",
        )
    ]
    if min(len(a), len(b)) < 4:
        found.append(
            Doubt(
                "few_runs",
                f"{len(a)} and {len(b)} runs cannot show a difference at p {ALPHA}, however large",
                "4 runs a side at least",
            )
        )
    for which, side in zip("AB", values, strict=True):
        for name in metrics:
            if (levels := two_levels([run[name] for run in side])) is not None:
                found.append(Doubt("two_levels", f"{which}, {name}: {levels}", "look at a run of each level"))
    return found
