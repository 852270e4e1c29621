"""The picture of where the time of a record went: late, in the client's batch, on the network and in the broker."""

from typing import TYPE_CHECKING, Any

from loadgen.report import latency_table, plot
from loadgen.report.result import Parts
from loadgen.report.stored import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot.styled
def breakdown(run: Run) -> plot.Picture | None:
    """Where the time of a usual record and of the slowest hundredth went, each bar on its own scale.

    Returns:
        None flat out, where most of it is the client's own queue, and when nothing was broken down.
    """
    told = run.result.breakdown_us
    both = (("a usual record", told.usual), ("the slowest 1 %", told.slowest_1pct))
    bars = [(label, parts) for label, parts in both if parts]
    if not bars or run.result.plan.loop == "closed":
        return None
    figure = plot.canvas(0.4 + 0.85 * len(bars), [run])
    grid: list[Axes] = list(figure.subplots(len(bars), 1, squeeze=False)[:, 0])
    for axes, (label, parts) in zip(grid, bars, strict=True):
        _bar(axes, parts)
        axes.set_title(f"{label}: {latency_table.parts_in_words(parts)} ms", fontsize=9)
    grid[0].legend(loc="lower left", bbox_to_anchor=(0, 1.4), ncols=3, borderaxespad=0.2, handlelength=1.2)
    grid[-1].set_xlabel("ms, mean (each bar has its own scale)")
    alt = "Where the time went, ms: " + "; ".join(
        f"{label}: {latency_table.parts_in_words(parts)}" for label, parts in bars
    )
    return plot.finished(figure, [run], "breakdown", "Where the time went", alt, [], on_bars=True)


def _bar(axes: "Axes", parts: Parts) -> None:
    pieces = (
        ("late (this generator)", parts.lateness, plot.PURPLE, "xx"),
        ("linger and batch (client)", parts.client_queue, plot.BLUE, ""),
        ("network and broker", parts.network_and_broker, plot.VERMILION, "//"),
    )
    left = 0.0
    for name, value_us, color, hatch in pieces:
        look: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": plot.PAPER, "linewidth": 0}
        axes.barh([0], [value_us / 1000], left=left, height=0.6, label=name, **look)
        left += value_us / 1000
    axes.set_yticks([])
    axes.spines.left.set_visible(False)
    axes.set_xlim(0, left or 1)
