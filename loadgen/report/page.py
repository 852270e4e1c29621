"""The report page: one self-contained HTML file for one run or several, readable without scripts and from disk.

Nothing is fetched (a content security policy forbids it), whatever came from outside is cleaned and escaped, pictures
are inlined and take ink and paper from the page, so light and dark both work. Needs the extra `report`.
Not here: what the page says (`page_view`), how it looks (`html/`).
"""

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.report import page_view, plot
from loadgen.report.percentiles import percentiles
from loadgen.report.pictures import pictures
from loadgen.report.plot import Picture
from loadgen.report.stored import Run
from loadgen.report.wording import clean

_THEMED = {
    plot.INK: "ink",
    plot.FAINT: "faint",
    plot.GRID: "grid",
    plot.SHADE: "shade",
    plot.PAPER: "paper",
    plot.BLUE: "blue",
    plot.VERMILION: "vermilion",
    plot.GREEN: "green",
    plot.PURPLE: "purple",
    plot.AMBER: "amber",
}


def render(runs: Sequence[Run]) -> bytes:
    """The page of one run, or of several with a table of their differences on top.

    Args:
        runs: at least one; told in this order.

    Raises:
        UsageError: no run, or jinja2 or matplotlib is not installed.
    """
    if not runs:
        raise UsageError("a report needs at least one run: loadgen report last")
    drawn = [pictures(run) for run in runs]
    return _render(runs, drawn)


def files(run: Run) -> dict[str, bytes]:
    """Everything a run's folder shows: each picture as SVG and PNG, and report.html; by file name.

    Raises:
        UsageError: jinja2 or matplotlib is not installed.
    """
    drawn = pictures(run)
    told = {f"{picture.name}.svg": picture.svg for picture in drawn}
    told |= {f"{picture.name}.png": picture.png() for picture in drawn}
    return told | {"report.html": _render([run], [drawn])}


def _render(runs: Sequence[Run], drawn: Sequence[Sequence[Picture]]) -> bytes:
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError:
        raise UsageError("the page needs jinja2: pip install 'kafka-loadgen[report]'") from None
    html = resources.files("loadgen.report") / "html"
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    template = environment.from_string((html / "report.html.jinja").read_text("utf-8"))

    def shown(picture: Picture, prefix: str) -> dict[str, Any]:
        panels = msgspec.json.encode(picture.panels).decode() if picture.panels else ""
        return {
            "title": picture.title,
            "alt": picture.alt,
            "svg": Markup(inline(picture.svg, prefix)),
            "panels": Markup(panels.replace("<", "\\u003c")),
        }

    together = None
    if len(runs) > 1:
        overlaid = percentiles(runs)
        together = page_view.together(runs) | {"picture": overlaid and shown(overlaid, "all-")}
    page = template.render(
        **page_view.whole(runs),
        together=together,
        runs=[
            page_view.one(run) | {"pictures": [shown(picture, f"r{at}-{picture.name}-") for picture in drawn[at]]}
            for at, run in enumerate(runs)
        ],
        style=Markup((html / "style.css").read_text("utf-8")),
        script=Markup((html / "report.js").read_text("utf-8")),
    )
    return (page + "\n").encode("utf-8")


def inline(svg: bytes, prefix: str) -> str:
    """An SVG file as a part of the page: only its element, ids made its own, colours taken from the page's theme."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'(url\(|href=")#', rf"\1#{prefix}", text)
    return re.sub(r'style="[^"]*"', _themed, text)


def _themed(style: re.Match[str]) -> str:
    return re.sub(
        r"#[0-9a-f]{6}", lambda color: f"var(--{_THEMED[color[0]]})" if color[0] in _THEMED else color[0], style[0]
    )
