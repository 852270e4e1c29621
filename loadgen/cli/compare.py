"""`loadgen compare A B`: stored runs side by side, once it is clear that they may be."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from loadgen.cli.flags import OUTPUT


def compare(
    a: str,
    b: str,
    /,
    *,
    force: Annotated[
        bool, Parameter(negative=(), help="Compare what is not comparable; the output is stamped.")
    ] = False,
    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object.")
    ] = None,
    report_md: Annotated[Path | None, Parameter(group=OUTPUT, help="The table as markdown.")] = None,
) -> int:
    """Stored runs side by side: same, changed (marked) or not comparable (exit 5), then ratios with interval and p.

    Args:
        a: a run (folder, `last`, name, prefix), a folder of runs, or one label of an experiment (FOLDER:candidate).
        b: the same; ratios are B over A.
    """
    from loadgen.judge import compare_text
    from loadgen.judge.compare import compare as compared
    from loadgen.judge.stored import side
    from loadgen.report import folder

    root = folder.results_root(None, os.environ)
    told = compared(side(a, root), side(b, root), force=force)
    if json == "-":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n")
    else:
        print(compare_text.text(told), end="")
        if json is not None:
            Path(json).write_bytes(msgspec.json.encode(told))
    if report_md is not None:
        report_md.write_text(compare_text.markdown(told), "utf-8")
    return 0
