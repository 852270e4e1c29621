"""Stored runs for a comparison or a history: found by what a user names, read as plain data, checked against tampering.

A side is one run, a folder of runs, or the runs of one label of an experiment (`FOLDER:candidate`). An experiment's
record holds the SHA-256 of each of its results: what was edited or cut since is refused, not compared.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import NotValid, UsageError
from loadgen.judge.artefacts import SUFFIX, zipped_runs
from loadgen.judge.result_file import MAX_RUNS, StoredRun, content_of, read_run
from loadgen.report import folder
from loadgen.report.strict_json import decode

EXPERIMENT, EXPERIMENT_SCHEMA = "experiment.json", "loadgen.experiment/1"
MAX_EXPERIMENT_BYTES = 16 << 20  # a run or a step of it is some 500 bytes


class ExperimentRun(msgspec.Struct, frozen=True):
    """One run of an experiment: folder, from the experiment's own; label, such as candidate; SHA-256 of result.json."""

    folder: str
    label: str
    sha256: str


def read_experiment(path: Path) -> dict[str, Any]:
    """An experiment.json as plain data.

    Raises:
        UsageError: not readable, not JSON, or of another schema.
    """
    file = path / EXPERIMENT if path.is_dir() else path
    try:
        data = decode(content_of(file, MAX_EXPERIMENT_BYTES), dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"{file}: not a loadgen experiment ({error}); it may be half-written or changed") from None
    if data.get("schema") != EXPERIMENT_SCHEMA:
        raise UsageError(f"{file}: schema {data.get('schema')!r}; this program reads {EXPERIMENT_SCHEMA}")
    return data


def experiment_runs(path: Path, label: str | None) -> list[StoredRun]:
    """The runs of an experiment, of one label or all; each is what it was when the experiment ended.

    Raises:
        UsageError: no such label.
        NotValid: a result was changed since.
    """
    data = read_experiment(path)
    try:
        rows = msgspec.convert(data.get("runs", []), list[ExperimentRun])
    except msgspec.ValidationError as error:
        raise UsageError(f"{path / EXPERIMENT}: {error}") from None
    chosen = [row for row in rows if label in {None, row.label}]
    if not chosen:
        labels = ", ".join(sorted({row.label for row in rows})) or "no runs"
        raise UsageError(f"{path}: no runs labelled {label!r}; there are {labels}")
    found = []
    for row in chosen:
        at = path / row.folder
        if hashlib.sha256(content_of(at / folder.RESULT)).hexdigest() != row.sha256:
            raise NotValid(f"{at / folder.RESULT} is not what {path / EXPERIMENT} recorded: edited or cut since")
        found.append(read_run(at))
    return found


def side(spec: str, root: Path) -> list[StoredRun]:
    """The runs that one side of a comparison means.

    Args:
        spec: a run (folder, `last`, name, prefix), a folder or zip of runs, an experiment, or `EXPERIMENT:LABEL`.
        root: the results folder, for names.

    Raises:
        UsageError: nothing there, or more than MAX_RUNS runs.
    """
    name, colon, label = spec.rpartition(":")
    if colon and (Path(name) / EXPERIMENT).is_file():
        return experiment_runs(Path(name), label)
    path = Path(spec)
    if (path / EXPERIMENT).is_file():
        return experiment_runs(path, None)
    if path.suffix == SUFFIX or (path.is_dir() and not (path / folder.RESULT).is_file()):
        return runs_below(path)
    return [read_run(folder.find_run(spec, root))]


def runs_below(path: Path) -> list[StoredRun]:
    """Every run below a folder, in the order of their paths, those in zips included; or those of a zip.

    Raises:
        UsageError: none, more than MAX_RUNS, or one that cannot be read.
    """
    if path.is_file():
        found = zipped_runs(path)
    else:
        found = [read_run(file) for file in _at_most(path, path.rglob(folder.RESULT))]
        for archive in _at_most(path, path.rglob(f"*{SUFFIX}")):
            found += zipped_runs(archive)
    if not found:
        raise UsageError(f"{path}: no run below it (no {folder.RESULT})")
    if len(found) > MAX_RUNS:
        raise _too_many(path)
    return found


def _at_most(directory: Path, files: Iterable[Path]) -> list[Path]:
    found = []
    for file in files:
        if ".partial-" not in str(file):
            found.append(file)
        if len(found) > MAX_RUNS:
            raise _too_many(directory)
    return sorted(found)


def _too_many(directory: Path) -> UsageError:
    return UsageError(f"{directory}: more than {MAX_RUNS:,} runs below it; name a smaller folder")
