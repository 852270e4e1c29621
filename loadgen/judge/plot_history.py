"""A history as pictures: one per series and metric, changes as steps, versions as marks. A door to matplotlib.

Drawn in the report's style. Not here: what a change is (`change`), what belongs to a series (`history`).
"""

import io
from itertools import pairwise
from typing import Any

import msgspec

from loadgen.judge.gate_text import change, short_name
from loadgen.judge.history import MetricHistory, Series
from loadgen.judge.history_text import described
from loadgen.report.plot import AMBER, BLUE, DOTS_PER_INCH, FAINT, INK, VERMILION, WIDTH_IN, styled
from loadgen.report.wording import MOCK_LINE, clean

MAX_MARKS = 12


class HistoryPicture(msgspec.Struct, frozen=True):
    """A drawn history; alt says what it shows, with its changes."""

    name: str
    alt: str
    svg: bytes
    png: bytes


@styled
def history_picture(series: Series, metric: MetricHistory, number: int) -> HistoryPicture:
    """One metric of one series, run by run in the order of time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scale, unit = (1e-3, "ms") if metric.metric.startswith("latency_us.") else (1.0, "")
    values = [value * scale for value in metric.values]
    figure: Any = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    runs = range(1, len(values) + 1)
    axes.plot(runs, values, ".", color=BLUE, markersize=5)
    bounds = [0, *(point.at for point in metric.changes), len(values)]
    for first, last in pairwise(bounds):
        part = sorted(values[first:last])
        level = (part[(len(part) - 1) // 2] + part[len(part) // 2]) / 2
        axes.plot([first + 0.5, last + 0.5], [level, level], color=VERMILION, linewidth=1.4)
    for mark in series.marks[-MAX_MARKS:]:
        axes.axvline(mark.at + 0.5, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
        words = ", ".join(f"{each.condition.split('.')[-1]} {each.candidate}" for each in mark.changes)
        axes.text(
            mark.at + 0.6,
            0.02,
            clean(words)[:40],
            transform=axes.get_xaxis_transform(),
            fontsize=6,
            va="bottom",
            rotation=90,
        )
    axes.set_ylim(0, max(values) * 1.12)
    axes.set_xlim(0.5, len(values) + 0.5)
    axes.set_xlabel(f"run, from {series.started_at[0][:10]} to {series.started_at[-1][:10]}")
    axes.set_ylabel(f"{short_name(metric.metric)}{f', {unit}' if unit else ''}")
    on_mock = series.key.get("broker.kind") == "mock"
    told = "; ".join(f"{change(point.ratio)} at run {point.at + 1}" for point in metric.changes) or "no change found"
    heading = f"{short_name(metric.metric)}: {told}"
    figure.suptitle(
        f"{MOCK_LINE}\n{heading}" if on_mock else heading,
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
        color=AMBER if on_mock else INK,
    )
    figure.supxlabel(clean(described(series)), x=0.01, ha="left", fontsize=7, color=FAINT)
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    alt = f"{MOCK_LINE if on_mock else ''} {short_name(metric.metric)} of {len(values)} runs: {told}".strip()
    return HistoryPicture(
        f"history-{number}-{short_name(metric.metric).replace('.', '-')}", alt, svg.getvalue(), png.getvalue()
    )
