"""Runs over time, read from folders and CI artefacts as they are: series, changes, creep, versions as marks.

A series is made of runs that may be compared with each other (`conditions.MUST_MATCH`); everything else that changed
between two runs, such as a version of librdkafka or the broker, is a mark on it. No database: the folders are one. Runs
that are not valid are counted and left out.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from loadgen.errors import NotValid
from loadgen.judge.change import ALPHA, ChangePoint, change_points
from loadgen.judge.conditions import MUST_MATCH, PAYLOAD, Difference, conditions, differences
from loadgen.judge.creep import Creep, creep
from loadgen.judge.limit import Limit
from loadgen.judge.reading import all_values, complaints, needs_rate
from loadgen.judge.result_file import StoredRun
from loadgen.report.result import Doubt

METRICS_FLAT_OUT = ("throughput.acked_per_s", "cost.cpu_us_per_message")
METRICS_AT_RATE = ("latency_us.response.p50", "latency_us.response.p99", "cost.cpu_us_per_message")
# Marks worth a line in a picture: what a release or an update of the machine changes.
MARKING = (
    "environment.loadgen",
    "environment.git_commit",
    "environment.python",
    "environment.kernel",
    "environment.host",
    "client.librdkafka",
    "client.confluent_kafka",
    "broker.version",
)
_APART = frozenset({PAYLOAD, "plan.phases"})  # compared with a tolerance, so no key


class Mark(msgspec.Struct, frozen=True):
    """What changed before the run at this index."""

    at: int
    changes: list[Difference]


class MetricHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One metric over the runs of a series, its changes and what to doubt about them."""

    metric: str
    values: list[float]
    changes: list[ChangePoint]
    doubts: list[Doubt]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one kind in the order of time; `key` is what they have in common and others do not."""

    key: dict[str, Any]
    started_at: list[str]
    paths: list[str]
    versions: list[str]
    marks: list[Mark]
    metrics: list[MetricHistory]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything below some folders; `left_out` names the runs that are not valid, with the first reason."""

    schema: str = "loadgen.history/1"
    series: list[Series]
    left_out: list[str]


def history(runs: Iterable[StoredRun], metrics: Sequence[str] = ()) -> History:
    """Series of comparable runs with their changes.

    Args:
        metrics: instead of the usual ones of each kind of series.
    """
    kept: dict[bytes, list[tuple[str, StoredRun, dict[str, Any]]]] = {}
    left_out: list[str] = []
    for run in runs:
        problems = complaints(run.data, at_rate=False)
        if problems:
            left_out.append(f"{run.path}: {problems[0]}")
            continue
        found = conditions(run.data)
        key = msgspec.json.encode([found.get(path) for path in MUST_MATCH if path not in _APART])
        kept.setdefault(key, []).append((_instant(run), run, found))
    series = [_series(sorted(rows, key=lambda row: row[0]), metrics) for rows in kept.values()]
    return History(series=sorted(series, key=lambda one: -len(one.paths)), left_out=left_out)


def _instant(run: StoredRun) -> str:
    """When it started, in UTC, so that texts sort as times do."""
    try:
        return datetime.fromisoformat(str(run.data.get("started_at"))).astimezone(UTC).isoformat()
    except ValueError:
        raise NotValid(f"{run.path}: started_at {run.data.get('started_at')!r} is no time") from None


def _series(rows: Sequence[tuple[str, StoredRun, dict[str, Any]]], metrics: Sequence[str]) -> Series:
    values = [all_values(run.data) for _, run, _ in rows]
    first = rows[0][2]
    chosen = metrics or (METRICS_AT_RATE if first.get("plan.loop") == "open" else METRICS_FLAT_OUT)
    present = [metric for metric in chosen if all(metric in each for each in values)]
    if first.get("plan.loop") != "open":
        present = [metric for metric in present if not needs_rate(metric) or "request_rtt" in metric]
    marks = [
        Mark(index, changed)
        for index in range(1, len(rows))
        if (changed := [each for each in differences(rows[index - 1][2], rows[index][2]) if each.condition in MARKING])
    ]
    return Series(
        key={path: first.get(path) for path in MUST_MATCH if first.get(path) is not None},
        started_at=[instant for instant, _, _ in rows],
        paths=[run.path for _, run, _ in rows],
        versions=[version_of(found) for _, _, found in rows],
        marks=marks,
        metrics=[_metric(metric, [each[metric] for each in values], len(present)) for metric in present],
    )


def _metric(metric: str, values: list[float], together: int) -> MetricHistory:
    # the metrics of a series share the chance of a false change, so that more of them do not mean more of those
    found = change_points(values, alpha=ALPHA / together)
    return MetricHistory(metric=metric, values=values, changes=found.points, doubts=found.doubts)


def version_of(found: dict[str, Any]) -> str:
    """What a run was a run of: this program's version and commit, the client's, the broker's."""
    commit = str(found.get("environment.git_commit") or "")[:9]
    program = f"{found.get('environment.loadgen') or '?'}{f'+{commit}' if commit else ''}"
    return f"{program} librdkafka {found.get('client.librdkafka') or '?'} broker {found.get('broker.version') or '?'}"


def creep_of(series: Series, limit: Limit, anchor: str | None = None) -> tuple[list[str], list[Creep]]:
    """Each later version against a pinned one.

    Args:
        anchor: part of the pinned version's name; None: the first of the series.

    Returns:
        The versions in order, and each later one's comparison with the anchor.

    Raises:
        NotValid: the metric is not in the series, or no version is named so.
    """
    values = next((metric.values for metric in series.metrics if metric.metric == limit.metric), None)
    if values is None:
        raise NotValid(
            f"{limit.metric} is not in this series; it has {', '.join(each.metric for each in series.metrics)}"
        )
    names = list(dict.fromkeys(series.versions))
    pinned = 0
    if anchor is not None:
        fitting = [index for index, name in enumerate(names) if anchor in name]
        if len(fitting) != 1:
            raise NotValid(f"--anchor {anchor!r} fits {len(fitting)} versions; there are {'; '.join(names)}")
        pinned = fitting[0]
    groups = [[value for value, name in zip(values, series.versions, strict=True) if name == each] for each in names]
    return names, creep(groups, limit, anchor=pinned)
