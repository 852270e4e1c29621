"""`loadgen history list|plot DIR…`: runs over time, from folders and CI artefacts (zips) as they are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from loadgen.cli.flags import JUDGE, OUTPUT

if TYPE_CHECKING:
    from loadgen.judge.history import History

app = App(name="history", help="Runs over time, from folders and zips as they are: changes, creep, versions as marks.")


@app.command(name="list")
def show(
    directories: list[Path],
    /,
    *,
    metric: Annotated[list[str] | None, Parameter(group=JUDGE, help="Instead of the usual ones; repeatable.")] = None,
    creep: Annotated[
        list[str] | None, Parameter(group=JUDGE, help="METRIC-10%: every version against the pinned one; repeatable.")
    ] = None,
    anchor: Annotated[
        str | None, Parameter(group=JUDGE, help="Part of the pinned version's name; default: the first.")
    ] = None,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object.")
    ] = None,
) -> int:
    """Series of comparable runs, where they changed, and creep against a pinned version (exit 98 when there is some)."""
    from loadgen.judge import history_text
    from loadgen.judge.history import creep_of
    from loadgen.judge.limit import parse_limit

    limits = [parse_limit(text) for text in creep or ()]
    told = _read(directories, metric)
    flagged = False
    lines: list[str] = []
    for limit in limits:
        for series in told.series:
            if any(limit.metric == each.metric for each in series.metrics) and len(set(series.versions)) > 1:
                names, found = creep_of(series, limit, anchor)
                flagged = flagged or any(group.flagged for group in found)
                lines.append(history_text.creep_text(names, found, limit.metric, limit.text))
    if json is not None:
        content = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
        if json != "-":
            Path(json).write_bytes(content)
        else:
            sys.stdout.write(content.decode())
    if json != "-":
        print(history_text.text(told), end="")
        print(*lines, sep="\n", end="")
    return 98 if flagged else 0


@app.command
def plot(
    directories: list[Path],
    /,
    *,
    metric: Annotated[list[str] | None, Parameter(group=JUDGE, help="Instead of the usual ones; repeatable.")] = None,
    out: Annotated[Path, Parameter(group=OUTPUT, help="Folder for the pictures.")] = Path("history"),
) -> int:
    """One picture per series and metric, SVG and PNG: changes as steps, versions as marks."""
    from loadgen.judge.plot_history import history_picture

    told = _read(directories, metric)
    out.mkdir(parents=True, exist_ok=True)
    for number, series in enumerate(told.series, start=1):
        for each in series.metrics:
            picture = history_picture(series, each, number)
            (out / f"{picture.name}.svg").write_bytes(picture.svg)
            (out / f"{picture.name}.png").write_bytes(picture.png)
            print(f"{out / picture.name}.svg  {picture.alt}")
    return 0


def _read(directories: list[Path], metrics: list[str] | None) -> "History":
    from loadgen.judge.history import history
    from loadgen.judge.limit import full_name
    from loadgen.judge.stored import runs_below

    runs = (run for directory in directories for run in runs_below(directory))
    return history(runs, [full_name(name) for name in metrics or ()])
