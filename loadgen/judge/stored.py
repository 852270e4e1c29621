"""Stored runs for a comparison or a history: found by what a user names, read as plain data, checked against tampering.

A side is one run, a folder of runs, or the runs of one label of an experiment (`FOLDER:candidate`). An experiment's
record holds the SHA-256 of each of its results: what was edited or cut since is refused, not compared.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import NotValid, UsageError
from loadgen.report import folder
from loadgen.report.result import MAX_RESULT_BYTES, SCHEMA

EXPERIMENT, EXPERIMENT_SCHEMA = "experiment.json", "loadgen.experiment/1"
MAX_RUNS = 10_000


class StoredRun(msgspec.Struct, frozen=True):
    """A result as plain data, and where it is."""

    path: str
    data: dict[str, Any]


class ExperimentRun(msgspec.Struct, frozen=True):
    """One run of an experiment: folder, from the experiment's own; label, such as candidate; SHA-256 of result.json."""

    folder: str
    label: str
    sha256: str


def read_run(path: Path) -> StoredRun:
    """A run from its folder or its result.json.

    Raises:
        UsageError: not readable, too large, not JSON, or not of a schema that this program reads.
    """
    file = path / folder.RESULT if path.is_dir() else path
    content = _content(file)
    try:
        data = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: not a loadgen result ({error}); the run may be half-written or changed") from None
    if data.get("schema") != SCHEMA:
        raise UsageError(f"{file}: schema {data.get('schema')!r}; this program reads {SCHEMA}")
    return StoredRun(str(file.parent), data)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_RESULT_BYTES:
            raise UsageError(f"{file}: {file.stat().st_size} bytes is no result of ours; those are below 64 MiB")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); name a run folder or its result.json") from None


def read_experiment(path: Path) -> dict[str, Any]:
    """An experiment.json as plain data.

    Raises:
        UsageError: not readable, not JSON, or of another schema.
    """
    file = path / EXPERIMENT if path.is_dir() else path
    try:
        data = msgspec.json.decode(_content(file), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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
        if hashlib.sha256(_content(at / folder.RESULT)).hexdigest() != row.sha256:
            raise NotValid(f"{at / folder.RESULT} is not what {path / EXPERIMENT} recorded: edited or cut since")
        found.append(read_run(at))
    return found


def side(spec: str, root: Path) -> list[StoredRun]:
    """The runs that one side of a comparison means.

    Args:
        spec: a run (folder, `last`, name, prefix), a folder of runs, an experiment, or `EXPERIMENT:LABEL`.
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
    if path.is_dir() and not (path / folder.RESULT).is_file():
        return [read_run(file) for file in result_files(path)]
    return [read_run(folder.find_run(spec, root))]


def result_files(directory: Path) -> list[Path]:
    """Every result.json below a folder, in the order of their paths.

    Raises:
        UsageError: none, or more than MAX_RUNS.
    """
    found: list[Path] = []
    for file in _below(directory):
        found.append(file)
        if len(found) > MAX_RUNS:
            raise UsageError(f"{directory}: more than {MAX_RUNS:,} runs below it; name a smaller folder")
    if not found:
        raise UsageError(f"{directory}: no run below it (no {folder.RESULT})")
    return sorted(found)


def _below(directory: Path) -> Iterator[Path]:
    return (file for file in directory.rglob(folder.RESULT) if ".partial-" not in str(file))
