"""An experiment's folder: `<UTC>-<name>/` with its runs below, and experiment.json, rewritten whole after each step.

The file is complete at any instant: written beside, synced, renamed. So a killed experiment leaves a readable record of
what it had, and `--resume` can go on from it. Each run's SHA-256 is in it: an edited result is found out (`judge.stored`).
"""

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadgen.errors import UsageError
from loadgen.judge.stored import EXPERIMENT, EXPERIMENT_SCHEMA, ExperimentRun, read_experiment
from loadgen.properties import SECRET
from loadgen.report import folder

Kind = Literal["gate", "capacity", "sweep", "tune"]
State = Literal["running", "done", "interrupted"]


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """experiment.json.

    Attributes:
        rule: what was asked, in the experiment's own words: limits, SLO, parameters.
        answer: by kind, see the contract; None while there is none.
        steps: what was learnt on the way, enough to go on from and to draw.
        sent_bytes: of payload, by all runs so far, warm-ups included.
    """

    schema: str = EXPERIMENT_SCHEMA
    kind: Kind
    state: State
    started_at: str
    command: list[str]
    rule: dict[str, Any]
    answer: Any = None
    runs: list[ExperimentRun] = []
    steps: list[Any] = []
    on_mock: bool = False
    sent_bytes: float = 0.0


class Recorder:
    """Keeps an experiment on disk while it runs.

    Attributes:
        path: the experiment's folder.
        experiment: as it was last written.
    """

    def __init__(self, path: Path, experiment: Experiment) -> None:
        self.path, self.experiment = path, experiment

    def run_folder(self, name: str) -> str:
        """A folder for the next run, numbered in order: `runs/007-candidate`."""
        return str(self.path / "runs" / f"{self._next():03d}-{name}")

    def _next(self) -> int:
        there = self.path / "runs"
        taken = [int(entry.name[:3]) for entry in there.iterdir() if entry.name[:3].isdigit()] if there.is_dir() else []
        return max(taken, default=0) + 1

    def add_run(self, at: str, label: str, **changes: Any) -> None:
        """A finished run, by its folder, with what else it changes in the record."""
        content = (Path(at) / folder.RESULT).read_bytes()
        row = ExperimentRun(str(Path(at).relative_to(self.path)), label, hashlib.sha256(content).hexdigest())
        self.write(runs=[*self.experiment.runs, row], **changes)

    def write(self, **changes: Any) -> None:
        """Change the record and write it, whole.

        Raises:
            UsageError: the disk is full or read-only.
        """
        self.experiment = msgspec.structs.replace(self.experiment, **changes)
        content = msgspec.json.format(msgspec.json.encode(self.experiment), indent=2) + b"\n"
        write_whole(self.path / EXPERIMENT, content)


def write_whole(path: Path, content: bytes) -> None:
    """A file that is either as it was or as it is to be, never between.

    Raises:
        UsageError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None


def begin(
    root: Path, name: str, kind: Kind, command: Sequence[str], rule: dict[str, Any], *, at: Path | None = None
) -> Recorder:
    """A new experiment with an empty record.

    Args:
        root: the results folder.
        at: the exact folder instead; must not exist or be empty.

    Raises:
        UsageError: the folder is in the way or cannot be made.
    """
    now = datetime.now(UTC)
    path = at or _free(root / f"{now:%Y%m%dT%H%M%SZ}-{folder.check_name(name)}")
    try:
        path.mkdir(parents=True, exist_ok=at is not None)
        if any(path.iterdir()):
            raise UsageError(f"{path}: is not empty; name another --out, or --resume it")
    except OSError as error:
        raise UsageError(f"{path}: cannot be made ({error.strerror}); name another --out") from None
    experiment = Experiment(
        kind=kind, state="running", started_at=now.isoformat(timespec="milliseconds"), command=list(command), rule=rule
    )
    recorder = Recorder(path, experiment)
    recorder.write()
    return recorder


def _free(path: Path) -> Path:
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}~{number}"), number + 1
    return candidate


def kept_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Flags as a record may keep them: of secrets only where they came from."""
    kept = dict(flags)
    if "X" in kept:
        kept["X"] = [_without_secret(text) for text in kept["X"]]
    return kept


def _without_secret(text: str) -> str:
    name, _, value = text.partition("=")
    secret = SECRET.search(name) and not value.startswith(("env:", "file:")) and not name.endswith("location")
    return f"{name}=[redacted]" if secret else text


def resume(path: Path, kind: Kind, rule: Mapping[str, Any], *, may_differ: Sequence[str] = ()) -> Recorder:
    """An experiment that ended early, to go on with.

    Args:
        rule: what is asked now; what the steps in the record answer must be the same question.
        may_differ: keys of the rule that only say how far to go.

    Raises:
        UsageError: none there, of another kind, done, or of another rule.
    """
    data = read_experiment(path)
    try:
        experiment = msgspec.convert(data, Experiment)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path / EXPERIMENT}: {error}") from None
    if experiment.kind != kind:
        raise UsageError(f"{path}: is a {experiment.kind}, not a {kind}: {shlex.join(experiment.command)}")
    if experiment.state == "done":
        raise UsageError(f"{path}: is done; its answer is in {EXPERIMENT}")
    asked = msgspec.json.decode(msgspec.json.encode(dict(rule)))
    other = [
        f"{path}: was begun with {key} {experiment.rule.get(key)!r}, and now it is {value!r}; resume it with the same flags"
        for key, value in asked.items()
        if key not in may_differ and experiment.rule.get(key) != value
    ]
    if other:
        raise UsageError(*other)
    return Recorder(path, msgspec.structs.replace(experiment, state="running"))
