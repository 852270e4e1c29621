"""Pictures of `produce.json`: throughput and p99 latency on the produce path, and what a message costs."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.plot_style import LABEL_BOX, heading, look
from bench.produce_summary import Summary

LATENCIES = (
    ("service_p99_us", "p99 of service: from accepted by the client"),
    ("response_p99_us", "p99 of response: from due by the plan"),
)


def plot_produce(summaries: Sequence[Summary]) -> Figure:
    """For each target: acknowledged messages a second flat out, and p99 of both latencies at one offered rate."""
    targets = list(dict.fromkeys(summary.target for summary in summaries))
    figure, panels = plt.subplots(
        2, len(targets), figsize=(3.4 * len(targets) + 0.6, 6.2), layout="constrained", squeeze=False
    )
    for column, target in enumerate(targets):
        flat_out = _phase(summaries, target, "flat_out")
        at_rate = _phase(summaries, target, "at_rate")
        axes = panels[0][column]
        _bars(axes, flat_out, ["acked_per_s"], 0)
        axes.set_title(f"{target_name(target)}\nflat out, one worker")
        axes = panels[1][column]
        _bars(axes, at_rate, [metric for metric, _ in LATENCIES], 1)
        offered = at_rate[0].offered_per_s if at_rate else None
        axes.set_title(f"{offered:,.0f} messages/s offered to each" if offered else "no equal rate was run")
    panels[0][0].set_ylabel("acknowledged, thousand messages/s")
    panels[1][0].set_ylabel("p99 until acknowledged, ms")
    heading(
        figure,
        f"Serializers on the produce path: medians, {100 * _covered(summaries):.0f} % intervals over rounds",
        [Patch(label=label, **look(number)) for number, (_, label) in enumerate(LATENCIES, 1)],
    )
    return figure


def plot_cost(summaries: Sequence[Summary]) -> Figure:
    """CPU of a message flat out, split into making the order, serializing it, and all the rest."""
    shown = [
        summary
        for target in dict.fromkeys(summary.target for summary in summaries)
        for summary in _phase(summaries, target, "flat_out")
        if "cpu_us_per_message" in summary.metrics
    ]
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(shown) + 1.9), layout="constrained")
    names = [f"{summary.serializer}, {target_name(summary.target)}" for summary in shown]
    totals = [summary.metrics["cpu_us_per_message"] for summary in shown]
    parts = [
        ("making and translating the order", [summary.make_us for summary in shown]),
        ("serializing", [summary.serialize_us for summary in shown]),
        (
            "the rest: key, client, its threads",
            [max(t.median - s.make_us - s.serialize_us, 0) for t, s in zip(totals, shown, strict=True)],
        ),
    ]
    starts = [0.0] * len(shown)
    for number, (_, widths) in enumerate(parts):
        bars = axes.barh(names, widths, left=starts, **look(number))
        axes.bar_label(bars, [f"{width:.1f}" for width in widths], label_type="center", fontsize=7, bbox=LABEL_BOX)
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    spans = [[t.median - t.low for t in totals], [t.high - t.median for t in totals]]
    axes.errorbar(starts, names, xerr=spans, fmt="none", ecolor="black", capsize=3, linewidth=0.8)
    axes.set(xlabel="CPU a message, µs (all threads of worker and coordinator)", xlim=(0, None))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    heading(
        figure,
        f"What a fresh order event costs: medians flat out, {100 * _covered(shown):.0f} % intervals of the whole",
        [Patch(label=label, **look(number)) for number, (label, _) in enumerate(parts)],
    )
    return figure


def target_name(target: str) -> str:
    """As a caption says it; nobody takes the mock's figures for Kafka's."""
    return {"mock": "MOCK (no Kafka)", "kafka": "Apache Kafka", "redpanda": "Redpanda"}.get(target, target)


def _covered(summaries: Sequence[Summary]) -> float:
    """The least that the drawn intervals cover: fewer rounds cover less."""
    return min((found.coverage for summary in summaries for found in summary.metrics.values()), default=0.0)


def _phase(summaries: Sequence[Summary], target: str, phase: str) -> list[Summary]:
    found = [summary for summary in summaries if (summary.target, summary.phase) == (target, phase)]
    return sorted(found, key=lambda summary: summary.serializer)


def _bars(axes: Axes, summaries: Sequence[Summary], metrics: Sequence[str], first_look: int) -> None:
    """A group a serializer, a bar a metric in thousands of its unit, with the interval of its median."""
    width = 0.8 / len(metrics)
    for number, metric in enumerate(metrics):
        there = [(place, s.metrics[metric]) for place, s in enumerate(summaries) if metric in s.metrics]
        middles = [found.median / 1000 for _, found in there]
        spans = [
            [(found.median - found.low) / 1000 for _, found in there],
            [(found.high - found.median) / 1000 for _, found in there],
        ]
        bars = axes.bar(
            [place + (number - (len(metrics) - 1) / 2) * width for place, _ in there],
            middles,
            width=width,
            yerr=spans,
            capsize=3,
            error_kw={"linewidth": 0.8},
            **look(first_look + number),
        )
        axes.bar_label(bars, [f"{value:.1f}" for value in middles], label_type="center", fontsize=7, bbox=LABEL_BOX)
    axes.set_xticks(range(len(summaries)), [summary.serializer for summary in summaries])
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
