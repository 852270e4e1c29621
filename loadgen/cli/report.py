"""`loadgen report`: stored runs as a page, as text or as markdown."""

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from loadgen.errors import UsageError

if TYPE_CHECKING:
    from loadgen.report.stored import Run

Format = Literal["html", "text", "md"]
BY_SUFFIX: dict[str, Format] = {".html": "html", ".htm": "html", ".txt": "text", ".md": "md"}


def report(
    runs: Annotated[list[str] | None, Parameter(help="Folder, last, name or unique prefix; default last.")] = None,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["-o", "--output"], help="Default: report.html in the run's folder; text and md to stdout (-)."),
    ] = None,
    format: Annotated[
        Format | None, Parameter(name="--format", help="html, text or md; default by the output's ending, else html.")
    ] = None,
) -> int:
    """One run or several, told again from their folders."""
    from loadgen.report import folder, stored

    root = folder.results_root(None, os.environ)
    paths = [folder.find_run(spec, root) for spec in runs or ["last"]]
    loaded = [stored.load(path) for path in paths]
    form = format or BY_SUFFIX.get(output.suffix.lower() if output else "", "html")
    to_stdout = str(output) == "-" or (output is None and form != "html")
    content = _content(form, loaded, paths, color=to_stdout)
    if to_stdout:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return 0
    target = output or (paths[0] / "report.html" if len(paths) == 1 else Path("loadgen-report.html"))
    write(target, content)
    print(target)
    return 0


def _content(form: Format, loaded: "Sequence[Run]", paths: Sequence[Path], *, color: bool) -> bytes:
    if form == "html":
        from loadgen.report import page

        return page.render(loaded)
    if form == "md":
        from loadgen.report.markdown import markdown

        return markdown(loaded).encode("utf-8")
    from loadgen.report.live import colored
    from loadgen.report.text import summary

    told = [summary(run.result, path, color and colored(sys.stdout)) for run, path in zip(loaded, paths, strict=True)]
    return "\n".join(told).encode("utf-8")


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: it cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); name another with -o") from None
    finally:
        partial.unlink(missing_ok=True)
