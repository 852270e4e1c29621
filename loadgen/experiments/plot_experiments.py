"""Pictures of experiments in the report's style: a figure to bytes, with heading, caption and MOCK stamp.

A door to matplotlib, shared by capacity, sweep and tune; what is drawn is in `plot_capacity`, `plot_sweep`, `plot_tune`.
"""

import io
import textwrap
from typing import Any

import msgspec

from loadgen.report.plot import AMBER, CAPTION_COLUMNS, DOTS_PER_INCH, FAINT, INK, WIDTH_IN
from loadgen.report.wording import MOCK_LINE, clean

HEADING_COLUMNS = 92  # of the heading's font, in this width


class ExperimentPicture(msgspec.Struct, frozen=True):
    """A drawn figure; alt says what it shows, with its main numbers."""

    name: str
    alt: str
    svg: bytes
    png: bytes


def empty_figure(height_in: float) -> Any:
    """A figure that is drawn without a window and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def rendered(figure: Any, name: str, heading: str, caption: str, alt: str, *, on_mock: bool) -> ExperimentPicture:
    """Heading, caption and stamp on a figure, and its bytes; the same numbers give the same bytes.

    Args:
        heading: one line, as long as it has to be; so is the caption.
    """
    if on_mock:
        for axes in figure.axes:
            axes.text(
                0.5,
                0.5,
                "MOCK",
                transform=axes.transAxes,
                ha="center",
                va="center",
                fontsize=40,
                color=AMBER,
                alpha=0.13,
                fontweight="bold",
            )
    told = "\n".join([MOCK_LINE] * on_mock + textwrap.wrap(clean(heading), HEADING_COLUMNS))
    below = "\n".join(textwrap.wrap(clean(caption), CAPTION_COLUMNS))
    figure.suptitle(told, x=0.01, ha="left", fontsize=11, fontweight="bold", color=AMBER if on_mock else INK)
    figure.supxlabel(below, x=0.01, ha="left", fontsize=7, color=FAINT)
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return ExperimentPicture(name, f"{MOCK_LINE}. {alt}" if on_mock else alt, svg.getvalue(), png.getvalue())
