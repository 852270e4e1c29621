"""What the fault tests found, as rows: written while they run, told as METHODOLOGY.md's table afterwards.

`LOADGEN_FAULT_RECORD=rows.jsonl make faults`, then `python -m tests.faults.record rows.jsonl`: the rows summed by fault
into faults.json beside the other published records, and the table between its two marks in METHODOLOGY.md.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.record import PUBLISHED
from loadgen.report.result import Result
from loadgen.runner.environment import before

VARIABLE = "LOADGEN_FAULT_RECORD"
BEGIN, END = "<!-- faults: made by python -m tests.faults.record -->", "<!-- faults end -->"
HEADS = (
    "anchor",
    "fault",
    "runs",
    "attempted",
    "acked",
    "unknown",
    "failed",
    "lost",
    "duplicated",
    "residual",
    "found",
)
SUMS = ("attempted", "acked", "unknown", "failed")
DOCUMENT = Path("METHODOLOGY.md")
RECORD = PUBLISHED / "faults.json"


class Row(msgspec.Struct, kw_only=True):
    """One run under a fault, or several summed.

    Attributes:
        anchor: R4 … R20, or the number of the fault.
        lost, duplicated: by reading everything back; None where that was not possible.
        residual: records without an outcome: must be 0.
        found: what else was measured, in words.
    """

    anchor: str
    fault: str
    test: str
    runs: int = 1
    attempted: int = 0
    acked: int = 0
    unknown: int = 0
    failed: int = 0
    lost: int | None = None
    duplicated: int | None = None
    residual: int = 0
    found: str = ""


class Record(msgspec.Struct, kw_only=True):
    """faults.json."""

    made_at: str
    command: str
    environment: dict[str, Any]
    rows: list[Row]


def row_of(anchor: str, fault: str, test: str, result: Result | None, residual: int, found: str) -> Row:
    """A run's row, both phases together."""
    if result is None:
        return Row(anchor=anchor, fault=fault, test=test, found=found, residual=residual)
    both = (result.messages, result.messages.warmup)
    sums = {name: sum(getattr(one, name) for one in both) for name in SUMS}
    read = result.delivered.verified
    return Row(
        anchor=anchor,
        fault=fault,
        test=test,
        lost=read.lost if read else None,
        duplicated=read.duplicated if read else None,
        residual=residual,
        found=found,
        **sums,
    )


def append(row: Row) -> None:
    """Add a row to the file that the environment names; nothing without one."""
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")


def summed(rows: list[Row]) -> list[Row]:
    """One row a fault, in the order of the anchors; of `found` the last is told."""
    together: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.anchor, row.fault)
        if key not in together:
            together[key] = msgspec.structs.replace(row)
            continue
        sums = together[key]
        for name in ("runs", *SUMS, "residual"):
            setattr(sums, name, getattr(sums, name) + getattr(row, name))
        for name in ("lost", "duplicated"):
            values = [value for value in (getattr(sums, name), getattr(row, name)) if value is not None]
            setattr(sums, name, sum(values) if values else None)
        sums.found = row.found
    return sorted(together.values(), key=lambda row: (int("".join(filter(str.isdigit, row.anchor)) or 0), row.fault))


def table(rows: list[Row]) -> str:
    """The rows as markdown; a dash where nothing was counted or could be read back."""
    lines = ["| " + " | ".join(HEADS) + " |", "| " + " | ".join("---" for _ in HEADS) + " |"]
    for row in rows:
        cells = [None if head in SUMS and not row.attempted else getattr(row, head) for head in HEADS]
        told = ["–" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells]
        lines.append("| " + " | ".join(told) + " |")
    return "\n".join(lines)


def replaced(document: str, told: str) -> str:
    """A document with the table between its marks replaced.

    Raises:
        ValueError: a mark is missing.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT} has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{told}\n{END}{tail}"


def main(source: Path, target: Path) -> None:
    """Sum the rows, write the record, renew the table."""
    rows = summed([msgspec.json.decode(line, type=Row) for line in source.read_bytes().splitlines()])
    record = Record(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=f"{VARIABLE}=rows.jsonl make -j3 faults-full && python -m tests.faults.record rows.jsonl",
        environment=before(),
        rows=rows,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    DOCUMENT.write_text(replaced(DOCUMENT.read_text("utf-8"), table(rows)), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else RECORD)
