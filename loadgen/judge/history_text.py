"""A history as text: each series with its runs, marks, changes and creep. Pure."""

from collections.abc import Sequence

from loadgen.judge.creep import Creep
from loadgen.judge.gate_text import change, p_value, short_name, value
from loadgen.judge.history import History, MetricHistory, Series
from loadgen.report.wording import MOCK_LINE, clean

MAX_RUNS_SHOWN = 20
_BARS = "▁▂▃▄▅▆▇█"


def text(history: History) -> str:
    """For a terminal; ends with one newline."""
    lines: list[str] = []
    for number, series in enumerate(history.series, start=1):
        lines += [*_series(series, number), ""]
    if history.left_out:
        lines.append(f"left out  {len(history.left_out)} runs that are not valid, such as {clean(history.left_out[0])}")
    if not history.series:
        lines.append("no valid run")
    return "\n".join(lines).rstrip() + "\n"


def _series(series: Series, number: int) -> list[str]:
    lines = [MOCK_LINE] if series.key.get("broker.kind") == "mock" else []
    lines.append(
        f"series {number}: {len(series.paths)} runs, {clean(series.started_at[0])} to {clean(series.started_at[-1])}"
    )
    lines.append(f"  {clean(described(series))}")
    lines += [
        f"  mark at run {mark.at + 1}: {clean('; '.join(str(each) for each in mark.changes))}" for mark in series.marks
    ]
    for metric in series.metrics:
        lines += _metric(metric, series)
    shown = range(max(0, len(series.paths) - MAX_RUNS_SHOWN), len(series.paths))
    if shown.start:
        lines.append(f"  … {shown.start} older runs")
    for index in shown:
        told = "  ".join(value(metric.metric, metric.values[index]) for metric in series.metrics)
        lines.append(f"  {index + 1:4d}  {series.started_at[index][:19]}  {told}  {clean(series.paths[index])}")
    return lines


def described(series: Series) -> str:
    """What the runs of a series have in common, in a line."""
    named = (
        "plan.loop",
        "plan.offered_per_s",
        "plan.record_size",
        "plan.keys",
        "plan.partitions",
        "broker.kind",
        "environment.cpu_model",
    )
    return ", ".join(f"{path.split('.')[-1]} {series.key[path]}" for path in named if path in series.key)


def _metric(metric: MetricHistory, series: Series) -> list[str]:
    lines = [f"  {short_name(metric.metric):<26} {spark(metric.values)}"]
    for point in metric.changes:
        lines.append(
            f"    changed at run {point.at + 1} ({series.started_at[point.at][:19]}): {change(point.ratio)}, "
            f"{value(metric.metric, point.before)} → {value(metric.metric, point.after)}, p {p_value(point.p)}; "
            f"{clean(series.versions[point.at])}"
        )
    lines += [f"    doubt  {doubt.message}. {doubt.remedy}" for doubt in metric.doubts]
    return lines


def spark(values: Sequence[float]) -> str:
    """One character a run, at most 60 of them, between the least and the largest."""
    shown = values[-60:]
    low, high = min(shown), max(shown)
    span = high - low or 1.0
    return "".join(_BARS[min(len(_BARS) - 1, int((each - low) / span * len(_BARS)))] for each in shown)


def creep_text(names: Sequence[str], found: Sequence[Creep], metric: str, limit: str) -> str:
    """Each version against the pinned one."""
    pinned = names[found[0].group - 1] if found else names[-1]
    lines = [f"{short_name(metric)} against {clean(pinned)}, limit {limit}"]
    for group in found:
        low = "−∞" if group.low is None else change(group.low)
        high = "∞" if group.high is None else change(group.high)
        flag = "  CREEP" if group.flagged else ""
        lines.append(
            f"  {change(group.ratio):>8}  {low} … {high}  p {p_value(group.p)}  {clean(names[group.group])}{flag}"
        )
    return "\n".join(lines) + "\n"
