"""The race as a picture: CPU a message and messages a second, each round a dot, the median a bar."""

import json
import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bench import plot_style  # which also says that nothing is shown on a screen

OURS_COLOUR, PEERS_COLOUR = plot_style.COLOURS[0], plot_style.COLOURS[1]


def draw(folder: Path) -> list[Path]:
    """`peers.svg` and `peers.png` beside `peers.json`."""
    saved = json.loads((folder / "peers.json").read_bytes())
    if not saved["standings"]:
        return []
    with plt.rc_context(plot_style.STYLE):
        return plot_style.save(folder, "peers", figure_of(saved), caption_of(saved))


def figure_of(saved: dict[str, Any]) -> Figure:
    """Two panels that share their rows; cheapest first."""
    standings = sorted(saved["standings"], key=lambda one: one["cpu_us"])
    names = [one["contestant"] for one in standings]
    figure: Figure
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 0.5 * len(names) + 1.6), sharey=True, layout="constrained", squeeze=False
    )
    measures = (
        ("cpu_us", "cpu_us_per_message", 1.0, "CPU a message, µs: all its processes"),
        ("per_s", "messages_per_s", 1e-3, "thousand messages a second"),
    )
    for axes, (median_key, round_key, scale, label) in zip(panels[0], measures, strict=True):
        for place, one in enumerate(standings):
            ours = one["contestant"].startswith("loadgen")
            axes.barh(
                place,
                one[median_key] * scale,
                height=0.6,
                color=OURS_COLOUR if ours else PEERS_COLOUR,
                hatch="" if ours else "///",
                edgecolor="white",
            )
            dots = [each[round_key] * scale for each in saved["rounds"] if each["contestant"] == one["contestant"]]
            axes.plot(dots, [place] * len(dots), "o", markersize=3, color="black", markerfacecolor="white")
            axes.annotate(
                _short(one[median_key] * scale),
                (0, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                bbox=plot_style.LABEL_BOX,
            )
        axes.set(xlabel=label, xlim=(0, None))  # bars are compared by their length
    panels[0][0].set_yticks(range(len(names)), names)
    panels[0][0].invert_yaxis()
    figure.suptitle(f"What a message costs: {saved['broker']}\nmarginal, the long run less the short; dots are rounds")
    return figure


def _short(value: float) -> str:
    """Three digits; a rate that a race was too short to tell is a dash."""
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def caption_of(saved: dict[str, Any]) -> str:
    """Machine, versions, the command."""
    versions = ", ".join(f"{name} {number}" for name, number in saved["versions"].items())
    machine = saved["environment"]
    return f"{machine.get('cpu_model')}, {machine.get('cores')} cores\n{versions}\n{saved['command']}"
