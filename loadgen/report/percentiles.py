"""The picture of latency by percentile, as HdrHistogram's users know it: the rarer, the further right."""

from collections.abc import Sequence
from typing import Any

from loadgen.report import latency_table, plot, wording
from loadgen.report.curves import PercentileCurve, percentile_curve, value_at
from loadgen.report.stored import Run

RUN_STYLES = (
    (plot.BLUE, "-"),
    (plot.VERMILION, "--"),
    (plot.GREEN, "-."),
    (plot.PURPLE, ":"),
    (plot.AMBER, (0, (6, 1, 1, 1, 1, 1))),
)
METRIC_STYLES = {
    "response": (plot.VERMILION, "-"),
    "service": (plot.BLUE, "--"),
    "request_rtt": (plot.GREEN, "-."),
    "end_to_end": (plot.PURPLE, ":"),
}
TICKS = ((1, "0"), (2, "50"), (10, "90"), (100, "99"), (1e3, "99.9"), (1e4, "99.99"), (1e5, "99.999"), (1e6, "99.9999"))


@plot.styled
def percentiles(runs: Sequence[Run]) -> plot.Picture | None:
    """The latency by percentile; of one run each latency that may be shown, of several the main one of each.

    Returns:
        None when no run has histograms.
    """
    lines: list[tuple[str, PercentileCurve, tuple[str, Any]]] = []
    for at, run in enumerate(runs):
        for row in latency_table.rows(run.result):
            curve = percentile_curve(run.histograms.get(row.key, ()), row.told.max)
            if curve is None or row.key not in METRIC_STYLES:
                continue
            if len(runs) > 1:
                lines.append((f"{wording.clean(run.name)}, {row.key}", curve, RUN_STYLES[at % len(RUN_STYLES)]))
                break
            lines.append((row.label, curve, METRIC_STYLES[row.key]))
    if not lines:
        return None
    figure = plot.canvas(3.2, runs, len(lines) if len(runs) > 1 else 1)
    axes = figure.subplots()
    for name, curve, (color, style) in lines:
        cut = max(curve.carried, 1)
        axes.plot(curve.rarity[:cut], curve.value_ms[:cut], color=color, linestyle=style, label=name)
        axes.plot(curve.rarity[cut - 1 :], curve.value_ms[cut - 1 :], color=color, linewidth=0.9, alpha=0.45)
    axes.set_xscale("log")
    furthest = max(curve.rarity[-1] for _, curve, _ in lines)
    axes.set_xlim(1, max(furthest, 100))
    shown = [(x, label) for x, label in TICKS if x <= max(furthest, 100)]
    axes.set_xticks([x for x, _ in shown], [label for _, label in shown])
    axes.minorticks_off()
    axes.set_xlabel("percentile (thin: fewer than ten records beyond)")
    axes.set_ylabel("latency, ms")
    plot.latency_axis(axes, [value * 1000 for _, curve, _ in lines for value in curve.value_ms])
    axes.minorticks_off()
    plot.legend(axes, 1 if len(runs) > 1 else 3)
    rarities = max((curve.rarity for _, curve, _ in lines), key=lambda rarity: rarity[-1])
    labels = [f"{100 * (1 - 1 / rarity):.6g} %" for rarity in rarities]
    series = [plot.Series(name, "ms", [value_at(curve, rarity) for rarity in rarities]) for name, curve, _ in lines]
    alt = "Latency by percentile: " + "; ".join(
        f"{name} at most {curve.value_ms[-1]:.4g} ms" for name, curve, _ in lines
    )
    panels = [(axes, rarities, labels, series)]
    return plot.finished(figure, runs, "percentiles", "Latency by percentile", alt, panels)
