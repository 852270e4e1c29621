"""What capacity, sweep and tune have in common on the command line: their output flags, their record, how they end early.

An experiment's record is begun, or gone on with, before its first run; whatever ends it says how to go on.
"""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loadgen.cli.answer_output import AnswerOutput
from loadgen.cli.flags import OUTPUT
from loadgen.errors import LoadgenError, UsageError

if TYPE_CHECKING:
    from loadgen.experiments.plot_experiments import ExperimentPicture
    from loadgen.experiments.record import Kind, Recorder


@Parameter(name="*")
@dataclass
class ExperimentOutput(AnswerOutput):
    """Where an experiment's results go."""

    resume: Annotated[
        Path | None, Parameter(group=OUTPUT, help="Folder of one that ended early; with the same flags.")
    ] = None

    def check(self) -> None:
        """Whether what comes out has a place, before the first run rather than after the last.

        Raises:
            UsageError: a folder that is not there, or a word that is none of --progress.
        """
        self.check_places()
        if self.resume and self.out:
            raise UsageError("--out is for a new one; --resume goes on in its own folder")


def recorder_of(
    kind: "Kind",
    rule: Mapping[str, Any],
    output: ExperimentOutput,
    name: str | None,
    *,
    may_differ: Sequence[str] = (),
) -> "Recorder":
    """A record to write to: a new one, or the one to go on with.

    Raises:
        UsageError: it cannot be made, or cannot be gone on with.
    """
    from loadgen.experiments import record
    from loadgen.report import folder

    if output.resume is not None:
        return record.resume(output.resume, kind, rule, may_differ=may_differ)
    root = folder.results_root(None, os.environ)
    return record.begin(root, name or kind, kind, ["loadgen", *sys.argv[1:]], dict(rule), at=output.out)


@contextlib.contextmanager
def resumable(recorder: "Recorder") -> Iterator[None]:
    """Says how to go on when the block ends early; Ctrl-C ends the command with 130."""
    try:
        yield
    except KeyboardInterrupt:
        recorder.write(state="interrupted")
        print(f"interrupted; go on with: {resume_command(recorder.path)}", file=sys.stderr)
        raise SystemExit(130) from None
    except LoadgenError:
        recorder.write(state="interrupted")
        if recorder.experiment.steps:
            print(f"ended early; go on with: {resume_command(recorder.path)}", file=sys.stderr)
        raise


def resume_command(path: Path) -> str:
    """This command line with --resume in it; --out and an earlier --resume left out, with their values."""
    kept: list[str] = []
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        if argument in {"--resume", "--out"}:
            next(arguments, None)
        elif not argument.startswith(("--resume=", "--out=")):
            kept.append(argument)
    return shlex.join(["loadgen", *kept, "--resume", str(path)])


def keep_pictures(recorder: "Recorder", pictures: "Sequence[ExperimentPicture]") -> None:
    """Each as SVG and PNG in the experiment's folder."""
    for picture in pictures:
        (recorder.path / f"{picture.name}.svg").write_bytes(picture.svg)
        (recorder.path / f"{picture.name}.png").write_bytes(picture.png)


def deliver(recorder: "Recorder", output: ExperimentOutput, text: str, markdown: str) -> None:
    """The answer to everybody who asked."""
    content = (recorder.path / "experiment.json").read_bytes()
    output.tell(content, f"{text}  saved      {recorder.path}\n", markdown)
