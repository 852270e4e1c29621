"""A stored result.json as plain data, so that results of other versions, with keys this one does not know, can be read."""

from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.report import folder
from loadgen.report.result import MAX_RESULT_BYTES, SCHEMA
from loadgen.report.strict_json import decode

MAX_RUNS = 10_000  # of one comparison or history


class StoredRun(msgspec.Struct, frozen=True):
    """A result as plain data, and where it is."""

    path: str
    data: dict[str, Any]


def read_run(path: Path) -> StoredRun:
    """A run from its folder or its result.json.

    Raises:
        UsageError: not readable, too large, not JSON, or not of a schema that this program reads.
    """
    file = path / folder.RESULT if path.is_dir() else path
    return StoredRun(str(file.parent), parsed(content_of(file), str(file)))


def parsed(content: bytes, where: str) -> dict[str, Any]:
    """A result.json as plain data.

    Raises:
        UsageError: not JSON, or not of a schema that this program reads; it names where.
    """
    try:
        data = decode(content, dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"{where}: not a loadgen result ({error}); the run may be half-written or changed") from None
    if data.get("schema") != SCHEMA:
        raise UsageError(f"{where}: schema {data.get('schema')!r}; this program reads {SCHEMA}")
    return data


def content_of(file: Path, most: int = MAX_RESULT_BYTES) -> bytes:
    """A file's bytes.

    Raises:
        UsageError: not readable, or larger than it may be.
    """
    try:
        if (size := file.stat().st_size) > most:
            raise UsageError(f"{file}: {size} bytes is no file of ours; those are below {most >> 20} MiB")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); name a run folder or its result.json") from None
