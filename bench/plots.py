"""`python -m bench plot [FOLDER]`: pictures of what `serializers` and `produce` left in a folder, SVG and PNG.

Goal: readable in print and by the colour-blind: Okabe and Ito's eight colours, and a marker or hatch besides; units on
every axis; machine and versions under every picture.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import msgspec

from bench.produce_summary import Summary
from bench.record import DEFAULT_FOLDER
from bench.serializer_rows import Row

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#B8A800")
MARKERS = "osD^vPX*<>"
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++", "oo", "--")

LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85}  # figures on top of a hatch

STYLE: Any = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "svg.hashsalt": "loadgen",  # the same input draws the same file
    "svg.fonttype": "none",
}


def main(argv: list[str]) -> int:
    """Draw what is there; exit code 0, or 2 when there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m bench plot", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, help="default %(default)s")
    folder = parser.parse_args(argv).folder
    pictures = draw(folder)
    if not pictures:
        print(f"{folder}: neither serializers.json nor produce.json; python -m bench serializers makes the first")
        return 2
    for picture in pictures:
        print(picture)
    return 0


def draw(folder: Path) -> list[Path]:
    """Every picture that the folder's files allow; the paths written."""
    written: list[Path] = []
    with plt.rc_context(STYLE):
        if (rows := _read_rows(folder)) is not None:
            caption = _caption(_read_machine(folder / "machine.json"))
            written += _save(folder, "serializer-throughput", plot_throughput(rows), caption)
            written += _save(folder, "serializer-ratios", plot_ratios(rows), caption)
        if (summaries := _read_summaries(folder)) is not None:
            caption = _caption(_read_machine(folder / "produce.json", "machine"))
            written += _save(folder, "produce-path", plot_produce(summaries), caption)
            written += _save(folder, "produce-cost", plot_cost(summaries), caption)
    return written


def plot_throughput(rows: list[Row]) -> Figure:
    """Events a second and process, by library and number of line items."""
    figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
    libraries = list(dict.fromkeys(row.library for row in rows if row.operation == "encode"))
    for number, library in enumerate(libraries):
        points = sorted(
            (int(row.shape.split("-")[0]), row)
            for row in rows
            if row.library == library and row.operation == "encode" and row.median_ns and "greek" not in row.shape
        )
        if not points:
            continue
        items = [place for place, _ in points]
        rates = [1e9 / (row.median_ns or 1) for _, row in points]
        below = [rate - 1e9 / (row.high_ns or 1) for rate, (_, row) in zip(rates, points, strict=True)]
        above = [1e9 / (row.low_ns or 1) - rate for rate, (_, row) in zip(rates, points, strict=True)]
        axes.errorbar(
            items,
            rates,
            yerr=[below, above],
            label=library,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            linewidth=1,
            capsize=2,
        )
    axes.set(xscale="log", yscale="log", xlabel="line items of an order", ylabel="orders encoded per second, one core")
    axes.set_title("Encoding an order event, by library and size")
    ticks = sorted({int(row.shape.split("-")[0]) for row in rows if row.operation == "encode"})
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.legend(fontsize=7, ncols=2)
    return figure


def plot_ratios(rows: list[Row]) -> Figure:
    """Time ÷ the fastest library's, a panel for each operation, 3 and 20 items beside one another."""
    operations = list(dict.fromkeys(row.operation for row in rows if row.operation != "harness"))
    figure, panels = plt.subplots(
        1, len(operations), figsize=(2.4 * len(operations) + 1.6, 4.2), sharey=True, layout="constrained", squeeze=False
    )
    libraries = list(dict.fromkeys(row.library for row in rows if row.operation != "harness"))[::-1]
    for axes, operation in zip(panels[0], operations, strict=True):
        shapes = [shape for shape in ("3-items", "20-items") if _timed(rows, operation, shape)]
        for number, shape in enumerate(shapes):
            timed = _timed(rows, operation, shape)
            fastest = min(timed.values())
            places = [libraries.index(library) + (number - (len(shapes) - 1) / 2) * 0.38 for library in timed]
            bars = axes.barh(
                places,
                [value / fastest for value in timed.values()],
                height=0.36,
                label=shape.replace("-", " "),
                color=COLOURS[number],
                hatch=HATCHES[number],
                edgecolor="white",
            )
            axes.bar_label(bars, [f"{value / fastest:.1f}" for value in timed.values()], fontsize=6, padding=2)
        axes.set(title=operation, xlabel="time ÷ the fastest")
        axes.set_yticks(range(len(libraries)), libraries)
        axes.margins(x=0.15)
    panels[0][0].legend(fontsize=7)
    figure.suptitle("How many times slower than the fastest")
    return figure


def plot_produce(summaries: list[Summary]) -> Figure:
    """For each target: acknowledged messages a second flat out, and p99 of the response at one offered rate."""
    targets = list(dict.fromkeys(summary.target for summary in summaries))
    figure, panels = plt.subplots(
        2, len(targets), figsize=(3.4 * len(targets) + 0.6, 6), layout="constrained", squeeze=False
    )
    for column, target in enumerate(targets):
        flat_out = [s for s in summaries if (s.target, s.phase) == (target, "flat_out")]
        at_rate = [s for s in summaries if (s.target, s.phase) == (target, "at_rate")]
        _bars(panels[0][column], flat_out, "acked_per_s", 1000, "acknowledged, thousand messages/s")
        panels[0][column].set_title(f"{_target_name(target)}\nflat out, one worker")
        _bars(panels[1][column], at_rate, "response_p99_us", 1000, "p99 from due to acknowledged, ms")
        offered = at_rate[0].offered_per_s if at_rate else None
        panels[1][column].set_title(
            f"offered {offered:,.0f} messages/s to each" if offered else "no equal rate was run"
        )
    figure.suptitle("Serializers on the produce path: medians, and intervals of the median")
    return figure


def plot_cost(summaries: list[Summary]) -> Figure:
    """CPU of a message, split into making the order, serializing it, and all the rest."""
    flat_out = [s for s in summaries if s.phase == "flat_out" and "cpu_us_per_message" in s.metrics]
    figure, axes = plt.subplots(figsize=(7, 0.55 * len(flat_out) + 1.8), layout="constrained")
    names = [f"{summary.serializer}, {_target_name(summary.target)}" for summary in flat_out]
    totals = [summary.metrics["cpu_us_per_message"].median for summary in flat_out]
    parts = [
        ("making and translating the order", [summary.make_us for summary in flat_out]),
        ("serializing", [summary.serialize_us for summary in flat_out]),
        (
            "client, key, hand-over",
            [max(t - s.make_us - s.serialize_us, 0) for t, s in zip(totals, flat_out, strict=True)],
        ),
    ]
    starts = [0.0] * len(flat_out)
    for number, (label, widths) in enumerate(parts):
        bars = axes.barh(
            names, widths, left=starts, label=label, color=COLOURS[number], hatch=HATCHES[number], edgecolor="white"
        )
        axes.bar_label(bars, [f"{width:.1f}" for width in widths], label_type="center", fontsize=7, bbox=LABEL_BOX)
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    axes.set(
        xlabel="CPU per message, µs (all threads of worker and coordinator)", title="What a fresh order event costs"
    )
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    return figure


def _bars(axes: Axes, summaries: list[Summary], metric: str, divisor: float, label: str) -> None:
    """One bar a serializer with the interval of its median."""
    for number, summary in enumerate(sorted(summaries, key=lambda summary: summary.serializer)):
        if metric not in summary.metrics:
            continue
        middle, low, high = (value / divisor for value in summary.metrics[metric][:3])
        axes.bar(
            summary.serializer,
            middle,
            yerr=[[middle - low], [high - middle]],
            capsize=4,
            color=COLOURS[number],
            hatch=HATCHES[number],
            edgecolor="white",
        )
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)


def _timed(rows: list[Row], operation: str, shape: str) -> dict[str, float]:
    block = [row for row in rows if (row.operation, row.shape) == (operation, shape)]
    return {row.library: row.median_ns for row in block if row.median_ns}


def _target_name(target: str) -> str:
    return {"mock": "MOCK (no Kafka)", "kafka": "Apache Kafka", "redpanda": "Redpanda"}.get(target, target)


def _read_rows(folder: Path) -> list[Row] | None:
    path = folder / "serializers.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=list[Row])


def _read_summaries(folder: Path) -> list[Summary] | None:
    path = folder / "produce.json"
    if not path.exists():
        return None
    return msgspec.convert(json.loads(path.read_bytes())["summaries"], list[Summary])


def _read_machine(path: Path, *within: str) -> dict[str, Any]:
    """Machine and versions, as `machine.json` and a part of `produce.json` have them; empty where there are none."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_bytes())
    for name in within:
        found = found.get(name, {})
    return found


def _caption(machine: dict[str, Any]) -> str:
    if not machine:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    processor, count, python = (machine.get(name) for name in ("cpu_model_name", "cpu_count", "python_version"))
    return f"{processor}, {count} CPUs, Python {python}\n{versions}"


def _save(folder: Path, name: str, figure: Figure, caption: str) -> list[Path]:
    """As SVG and PNG, the caption below the picture."""
    figure.supxlabel(caption, fontsize=6, color="#444444")
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths
