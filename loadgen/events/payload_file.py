"""A user's own records from a file.

Goal: replay what somebody captured, byte for byte, in the file's order.
Non-goal: files larger than memory; a load test needs some thousand records, not all.
Place: fills the pool when `--payload-file` is given.

    lines    a record a line, without its LF; a CR before it belongs to the record
    len32    each record preceded by its length, 4 bytes, big-endian (as many length-prefixed dumps are written)
    base64   a record a line, in base64 (RFC 4648), for bytes that contain LF
"""

import binascii
from pathlib import Path
from typing import Literal

from loadgen.errors import UsageError

MAX_FILE_BYTES = 1 << 30
PayloadFormat = Literal["lines", "len32", "base64"]


def read_payload_file(path: str, payload_format: PayloadFormat = "lines") -> list[bytes]:
    """The records of a file, at least one.

    Raises:
        UsageError: the file cannot be read, holds no record, or is broken; the line or byte is named.
    """
    file = Path(path)
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"--payload-file {path}: is no file; a device or a folder has no end or no records")
        if (size := file.stat().st_size) > MAX_FILE_BYTES:
            raise UsageError(f"--payload-file {path}: {size:,} bytes; all of it is held in memory, so at most 1 GiB")
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"--payload-file {path}: {error.strerror or error}") from error
    match payload_format:
        case "lines":
            records = _lines(content)
        case "len32":
            records = _len32(path, content)
        case "base64":
            records = _base64(path, content)
        case other:
            raise UsageError(f"--payload-format {other}: lines, len32 or base64 is possible")
    if not records:
        raise UsageError(f"--payload-file {path}: no record in it; one a line is needed, or another --payload-format")
    return records


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()  # an LF ends the last line and begins none
    return lines


def _len32(path: str, content: bytes) -> list[bytes]:
    records = []
    start = 0
    while start < len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        end = start + 4 + length
        if end > len(content):
            raise UsageError(
                f"--payload-file {path}: byte {start}: a record of {length} bytes is announced, "
                f"{max(len(content) - start - 4, 0)} follow; is it --payload-format len32?"
            )
        records.append(content[start + 4 : end])
        start = end
    return records


def _base64(path: str, content: bytes) -> list[bytes]:
    records = []
    for number, line in enumerate(_lines(content), start=1):
        try:
            records.append(binascii.a2b_base64(line.rstrip(b"\r"), strict_mode=True))
        except binascii.Error as error:
            raise UsageError(f"--payload-file {path}: line {number} is not base64: {error}") from error
    return records
