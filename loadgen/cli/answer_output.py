"""Where the answer of an experiment or a gate goes: terminal, JSON, markdown, a CI's step summary.

What goes nowhere else (a gate's JUnit file, the folder to go on in) is added by who needs it.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loadgen.cli.flags import OUTPUT
from loadgen.cli.report import write
from loadgen.errors import UsageError

PLAIN, NONE = "plain", "none"


@Parameter(name="*")
@dataclass
class AnswerOutput:
    """The output flags that all of them have."""

    json: Annotated[
        str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object.")
    ] = None
    out: Annotated[Path | None, Parameter(group=OUTPUT, help="Its folder.")] = None
    report_md: Annotated[Path | None, Parameter(group=OUTPUT, help="The summary as markdown.")] = None
    progress: Annotated[str, Parameter(group=OUTPUT, help="plain or none.")] = PLAIN

    @property
    def quiet(self) -> bool:
        """Whether nothing is said while it runs."""
        return self.progress == NONE

    def check_places(self, *files: Path | None) -> None:
        """Whether what comes out has a place, before the first run rather than after the last.

        Args:
            files: that will be written besides.

        Raises:
            UsageError: a file in a folder that is not there, or a word that is none of --progress.
        """
        if self.progress not in {PLAIN, NONE}:
            raise UsageError(f"--progress {self.progress}: must be {PLAIN} or {NONE}")
        for path in (Path(self.json) if self.json and self.json != "-" else None, self.report_md, *files):
            if path is not None and not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent}; make it, or name another file")

    def tell(self, content: bytes, text: str, markdown: str) -> None:
        """The answer to everybody who asked.

        Args:
            content: as JSON.
            text: for the terminal, unless JSON goes there.
        """
        if self.json == "-":
            sys.stdout.write(content.decode())
        else:
            print(text, end="")
            if self.json is not None:
                write(Path(self.json), content)
        self.tell_markdown(markdown)

    def tell_markdown(self, markdown: str) -> None:
        """To a file that was named, and to a CI's step summary."""
        if self.report_md is not None:
            write(self.report_md, markdown.encode())
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown)
