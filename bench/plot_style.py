"""What every picture of the benchmarks shares: colours, marks besides the colours, the caption, SVG and PNG.

Goal: readable in print and by the colour-blind: Okabe and Ito's eight colours, and a hatch or a marker besides.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#B8A800")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++", "oo", "--")

LEAST_WIDTH_IN = 6.5  # what the caption needs
LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85}  # figures on top of a hatch

STYLE: Any = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "loadgen",  # the same input draws the same file
    "svg.fonttype": "none",
}


def look(number: int) -> dict[str, Any]:
    """Colour and hatch of the number-th kind of bar."""
    return {"facecolor": COLOURS[number % len(COLOURS)], "hatch": HATCHES[number % len(HATCHES)], "edgecolor": "white"}


def heading(figure: Figure, title: str, handles: Sequence[Artist]) -> None:
    """The title, and below it in a row what the colours and hatches mean."""
    figure.legend(
        handles=handles,
        title=title,
        title_fontsize=10,
        fontsize=8,
        ncols=max(len(handles), 1),
        loc="outside upper left",
        alignment="left",
    )


def caption(machine: dict[str, Any]) -> str:
    """Machine, date and versions in two lines; empty where nothing is known."""
    if not machine:
        return ""
    processor, count, python = (machine.get(name) for name in ("cpu_model_name", "cpu_count", "python_version"))
    where = [f"{processor}, {count} CPUs", f"Python {python}"]
    where += [str(machine[name]) for name in ("platform", "measured_at") if machine.get(name)]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return f"{', '.join(where)}\n{versions}"


def save(folder: Path, name: str, figure: Figure, below: str) -> list[Path]:
    """As SVG and PNG, the caption below the picture; the paths written."""
    figure.supxlabel(below, fontsize=6, color="#444444")
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths
