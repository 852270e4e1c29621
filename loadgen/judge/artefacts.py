"""Runs inside a zip, as a CI keeps and hands them out: read as they are, nothing is unpacked to disk."""

import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from loadgen.errors import UsageError
from loadgen.judge.result_file import MAX_RUNS, StoredRun, parsed
from loadgen.report import folder
from loadgen.report.result import MAX_RESULT_BYTES

SUFFIX = ".zip"


def zipped_runs(path: Path) -> list[StoredRun]:
    """Every result.json in a zip, in the order of their paths; none is no error.

    Raises:
        UsageError: no zip, damaged, locked, a result of more than 4 MiB, more than MAX_RUNS runs, or one that is no
            result.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(
                (member for member in archive.infolist() if PurePosixPath(member.filename).name == folder.RESULT),
                key=lambda member: member.filename,
            )
            if len(members) > MAX_RUNS:
                raise UsageError(f"{path}: {len(members):,} runs in it; {MAX_RUNS:,} are the most")
            return [_run(path, archive, member) for member in members]
    except (OSError, EOFError, ValueError, struct.error, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise UsageError(f"{path}: cannot be read as a zip ({error})") from None


def _run(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredRun:
    where = f"{path}/{member.filename}"
    # what the directory of a zip says of a size need not be true, so no more than that is read either
    with archive.open(member) as file:
        content = file.read(MAX_RESULT_BYTES + 1)
    if len(content) > MAX_RESULT_BYTES:
        raise UsageError(f"{where}: no result of ours; those are below 4 MiB")
    return StoredRun(where.removesuffix(f"/{folder.RESULT}"), parsed(content, where))
