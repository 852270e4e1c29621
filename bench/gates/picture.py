"""The real gates as a picture: each gate's ratio with its 95 % interval, the limit, and what was planted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import plot_style  # which also says that nothing is shown on a screen
from bench.gates.series import ACKED, CPU, LOSSES
from loadgen.judge.limit import parse_limit

Rows = Sequence[Mapping[str, Any]]

COLOURS = {
    "pass": plot_style.COLOURS[2],
    "regressed": plot_style.COLOURS[3],
    "improved": plot_style.COLOURS[5],
    "inconclusive": plot_style.COLOURS[1],
}
MARKERS = {"pass": "o", "regressed": "v", "improved": "^", "inconclusive": "D"}
PANELS = ((ACKED, "messages a second"), (CPU, "CPU a message"))


def draw(folder: Path, series: Mapping[str, Rows], caption: str) -> list[Path]:
    """`gates.svg` and `gates.png`.

    Args:
        series: rows by where and what, such as `mock slower`.
    """
    with plt.rc_context(plot_style.STYLE):
        return plot_style.save(folder, "gates", figure_of(series), caption)


def figure_of(series: Mapping[str, Rows]) -> Figure:
    """A panel for each deciding metric, its series side by side."""
    figure: Figure
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", squeeze=False)
    for axes, (metric, label) in zip(panels[0], PANELS, strict=True):
        place = 0
        for name, rows in series.items():
            shown = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
            if shown:
                _series(axes, name, shown, place)
                place += len(shown) + 1
        axes.axhline(0, color="0.6", linewidth=0.8)
        axes.set_xticks([])
        axes.set_xlabel("gates; dashed: the limit, dotted: the loss that was planted")
        axes.set_ylabel(f"{label}: candidate against baseline, %")
        axes.margins(y=0.15)
    handles = [
        Line2D([], [], color=COLOURS[told], marker=marker, linestyle="", label=told) for told, marker in MARKERS.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def _series(axes: Axes, name: str, shown: Sequence[Mapping[str, Any]], place: int) -> None:
    first, last = place - 0.5, place + len(shown) - 0.5
    for offset, metric in enumerate(shown):
        _gate(axes, place + offset, metric)
    text = shown[0]["limit"]
    limit = parse_limit(text)
    percent = float(text.removeprefix(limit.metric).rstrip("%"))
    axes.hlines(percent, first, last, color=plot_style.COLOURS[0], linestyles="--", linewidth=1)
    if loss := LOSSES.get(name.split()[-1]):
        axes.hlines(100 * (loss if limit.loss(1.0) > 0 else -loss), first, last, color="0.3", linestyles=":")
    axes.text((first + last) / 2, 0.98, name, transform=axes.get_xaxis_transform(), ha="center", va="top")


def _gate(axes: Axes, place: int, metric: Mapping[str, Any]) -> None:
    colour = COLOURS[metric["verdict"]]
    low, high = (100 * (metric[bound] - 1) for bound in ("low", "high"))
    axes.vlines(place, low, high, color=colour, linewidth=1.2)
    axes.plot(place, 100 * (metric["ratio"] - 1), MARKERS[metric["verdict"]], color=colour, markersize=4)
