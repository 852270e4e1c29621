"""What capacity, sweep and tune share on the command line: outputs checked first, and how they end early."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from loadgen.cli.experiment import ExperimentOutput, recorder_of, resumable, resume_command
from loadgen.errors import Unreachable, UsageError
from loadgen.experiments.record import begin


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (ExperimentOutput(json="nowhere/a.json"), "no folder nowhere"),
        (ExperimentOutput(report_md=Path("nowhere/a.md")), "no folder nowhere"),
        (ExperimentOutput(progress="loud"), "--progress loud"),
        (ExperimentOutput(resume=Path("a"), out=Path("b")), "--resume goes on in its own folder"),
    ],
)
def test_what_cannot_come_out_is_said_before_the_first_run(
    output: ExperimentOutput, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search of ten minutes is not lost to a folder that is not there."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(complaint)):
        output.check()


def test_ctrl_c_keeps_what_there_is_and_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 130, the record says interrupted, and the command printed goes on with it."""
    recorder = begin(tmp_path, "tune", "tune", [], {"slo": ["a"]})
    recorder.write(steps=[{"made": 1}])

    with pytest.raises(SystemExit) as ended, resumable(recorder):
        raise KeyboardInterrupt

    said = shlex.split(capsys.readouterr().err.split("go on with: ")[1])
    record = json.loads((recorder.path / "experiment.json").read_text())
    assert ended.value.code == 130
    assert (record["state"], record["steps"]) == ("interrupted", [{"made": 1}])
    assert said[-2:] == ["--resume", str(recorder.path)]
    again = recorder_of("tune", {"slo": ["a"]}, ExperimentOutput(resume=recorder.path), None)
    assert again.experiment.steps == [{"made": 1}]


def test_an_error_with_steps_says_how_to_go_on_and_keeps_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 stays exit 3; before the first step there is nothing to go on with."""
    for steps in ([], [{"made": 1}]):
        recorder = begin(tmp_path, "tune", "tune", [], {})
        recorder.write(steps=steps)
        with pytest.raises(Unreachable), resumable(recorder):
            raise Unreachable("no answer")

        assert ("--resume" in capsys.readouterr().err) is bool(steps)


def test_the_command_to_go_on_has_the_same_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything as it was given, without --out and an earlier --resume."""
    given = ["capacity", "--slo", "response.p99<20ms", "--out", "here", "--resume=there", "-b", "a:1"]
    monkeypatch.setattr(sys, "argv", ["loadgen", *given])

    told = resume_command(Path("runs/x y"))

    assert shlex.split(told) == [
        "loadgen",
        "capacity",
        "--slo",
        "response.p99<20ms",
        "-b",
        "a:1",
        "--resume",
        "runs/x y",
    ]
