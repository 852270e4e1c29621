"""What every picture shares: style, heading, caption, MOCK stamp, SVG and PNG. The report's one door to matplotlib.

Drawn with Agg and without pyplot: no window, no global state, and the same numbers give the same bytes. Colours are
Okabe and Ito's; lines differ by their dashes too. Not here: what is drawn (`timeline`, `percentiles`, `breakdown`).
"""

import functools
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec

from loadgen.errors import UsageError
from loadgen.report import ground, wording
from loadgen.report.stored import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID, SHADE, PAPER = "#1c2128", "#59636e", "#d6dbe0", "#e9ecef", "#ffffff"
BLUE, VERMILION, GREEN, PURPLE, AMBER = "#0072b2", "#d55e00", "#009e73", "#aa3377", "#b35900"
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a topic may have dollars in its name
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "loadgen",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "path.simplify": True,
}
WIDTH_IN, DOTS_PER_INCH = 8.6, 160
CAPTION_COLUMNS, CAPTION_LINE_IN, LEGEND_LINE_IN, HEADING_LINE_IN = 156, 0.135, 0.2, 0.22


class Series(msgspec.Struct, frozen=True):
    """One line of a picture as the hover tells it; the values go with the `x` of its Panel."""

    name: str
    unit: str
    values: list[float | None]


class Panel(msgspec.Struct, frozen=True):
    """One pair of axes: where it lies in the picture (shares of width and height from the top left), and its lines.

    Attributes:
        box: left, top, right, bottom.
        limits: x at the left and the right edge, in the axis' own scale (log10 of the rarity for percentiles).
        labels: of each x, as the hover shows it.
    """

    box: tuple[float, float, float, float]
    limits: tuple[float, float]
    x: list[float]
    labels: list[str]
    series: list[Series]


P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw in our style, whatever the process has set, and leave that as it was.

    Raises:
        UsageError: matplotlib is not installed.
    """

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            import matplotlib
        except ImportError:
            raise UsageError("pictures need matplotlib: pip install 'kafka-loadgen[report]'") from None
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            settings: Any = matplotlib.rcParams
            settings.update(STYLE)
            return draw(*args, **kwargs)

    return drawn


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        name: of its files, without the ending.
        alt: what it shows, in a sentence with its main numbers, for who cannot see it.
        panels: what a hover tells.
    """

    name: str
    title: str
    alt: str
    svg: bytes
    panels: list[Panel]
    figure: "Figure"

    @styled
    def png(self) -> bytes:
        """The same as PNG. 0.15 s, so only who writes it pays for it."""
        png = io.BytesIO()
        self.figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return png.getvalue()


def canvas(axes_in: float, runs: Sequence[Run], legend_lines: int = 1) -> "Figure":
    """An empty figure, tall enough for its axes and for heading, legend and caption around them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    around = (_caption(runs).count("\n") + 1) * CAPTION_LINE_IN + legend_lines * LEGEND_LINE_IN
    heading = HEADING_LINE_IN * (2 if _on_mock(runs) else 1)
    empty = Figure(figsize=(WIDTH_IN, axes_in + around + heading), layout="constrained")
    FigureCanvasAgg(empty)
    return empty


def _on_mock(runs: Sequence[Run]) -> bool:
    return any(run.result.broker.kind == "mock" for run in runs)


def formatter(told: Callable[[float], str]) -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: told(value))


def latency_axis(axes: "Axes", values_us: Sequence[float]) -> None:
    """Logarithmic where the values span more than a factor of 20, else from zero; plain numbers at 1, 2, 5."""
    from matplotlib.ticker import LogLocator, NullLocator

    values = [value for value in values_us if value > 0]
    if values and max(values) > 20 * min(values):
        axes.set_yscale("log")
        axes.set_ylim(min(values) / 1000 / 1.3, max(values) / 1000 * 1.5)
        crowded = max(values) > 2000 * min(values)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if crowded else (1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    elif values:
        axes.set_ylim(0, max(values) / 1000 * 1.15)
    axes.yaxis.set_major_formatter(formatter(lambda value: f"{value:,g}"))


def legend(axes: "Axes", columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.2)


def _caption(runs: Sequence[Run]) -> str:
    lines = []
    for run in runs:
        result = run.result
        told = f"{ground.cluster(result)}. {ground.load(result)}. {ground.client(result)}."
        when = f"{wording.clean(result.started_at)}, run {wording.clean(result.run_id)}"
        where = f"{ground.machine(result)}. {ground.versions(result)}. {when}."
        prefix = f"{wording.clean(run.name)}: " if len(runs) > 1 else ""
        lines += textwrap.wrap(f"{prefix}{told} {where}", CAPTION_COLUMNS)
    return "\n".join(lines)


def finished(
    figure: "Figure",
    runs: Sequence[Run],
    name: str,
    title: str,
    alt: str,
    panels: Sequence[tuple["Axes", list[float], list[str], list[Series]]],
    *,
    on_bars: bool = False,
) -> Picture:
    """The picture with heading, caption and MOCK stamp.

    Args:
        runs: what it shows; a single run gives its headline as heading, several the title.
        alt: a sentence for who cannot see it.
        panels: axes with what a hover tells of them: x in data units, a label for each, the lines.
        on_bars: the axes are filled; a stamp has to stand out from bars, not from paper.
    """
    mock = _on_mock(runs)
    heading = wording.headline(runs[0].result) if len(runs) == 1 else title
    if mock:
        heading = f"{wording.MOCK_LINE}\n{heading}"
        _stamp(figure, PAPER if on_bars else AMBER, 0.6 if on_bars else 0.13)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=11, fontweight="bold", color=AMBER if mock else INK)
    figure.supxlabel(_caption(runs), x=0.01, ha="left", fontsize=7, color=FAINT)
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # it is laid out; a PNG need not do it again
    placed = [_panel(axes, x, labels, series) for axes, x, labels, series in panels]
    alt = f"{wording.MOCK_LINE}. {alt}" if mock else alt
    return Picture(name, title, alt, svg.getvalue(), placed, figure)


def _stamp(figure: "Figure", color: str, alpha: float) -> None:
    """MOCK across each of the axes, as large as they allow."""
    size = min(40, 14 * figure.get_figheight() / len(figure.axes))
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold", "color": color, "alpha": alpha}
    for axes in figure.axes:
        axes.text(0.5, 0.5, "MOCK", transform=axes.transAxes, fontsize=size, zorder=10, **look)


def _panel(axes: "Axes", x: list[float], labels: list[str], series: list[Series]) -> Panel:
    from math import log10

    box = axes.get_position()
    scale = log10 if axes.get_xscale() == "log" else float
    low, high = axes.get_xlim()
    return Panel(
        (float(box.x0), float(1 - box.y1), float(box.x1), float(1 - box.y0)),
        (float(scale(low)), float(scale(high))),
        [scale(value) for value in x],
        labels,
        series,
    )
