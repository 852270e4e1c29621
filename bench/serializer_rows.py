"""The rows of `serializers.json`: one a case, whatever came of it, and how they are read by a person.

Place: `serializers.py` fills them, `plots.py` and `agreement.py` read them.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.cases import HARNESS, Case
from bench.interval import median_interval
from bench.libraries import LIBRARIES
from bench.record import write_whole
from bench.sizes import compressed_bytes, peak_bytes
from bench.verify import check

FILE = "serializers.json"
UNVALIDATED = "† decodes without validating"


class Row(msgspec.Struct):
    """A line of `serializers.json`. Times are CPU of one call; None where a case was not timed or weighed.

    `low_ns` … `high_ns` covers the true median with `coverage`, over processes.
    """

    case: str
    operation: str
    shape: str
    library: str
    status: str
    detail: str
    validates: bool = True
    payload_bytes: float | None = None
    median_ns: float | None = None
    low_ns: float | None = None
    high_ns: float | None = None
    coverage: float | None = None
    processes: int = 0
    peak_bytes: int | None = None
    compressed_bytes: dict[str, float | None] | None = None

    @property
    def label(self) -> str:
        """The library's name, marked when its decoding is less than the others'."""
        return self.library if self.validates else f"{self.library} †"

    @classmethod
    def checked(cls, case: Case) -> "Row":
        """The row of a case before it is timed: whether it may be, and what its events weigh.

        Memory and compressed bytes are of the operation `encode` alone: the others encode the same.
        """
        status, detail, payload_bytes = check(case)
        validates = case == HARNESS or case.library not in LIBRARIES or LIBRARIES[case.library].validates
        row = cls(case.name, case.operation, case.shape.name, case.library, status, detail, validates, payload_bytes)
        if case.operation == "encode" and status == "ok":
            row.peak_bytes = peak_bytes(case.library, case.shape)
            row.compressed_bytes = compressed_bytes(case.library, case.shape)
        return row

    def time(self, process_medians_s: list[float]) -> None:
        """Fill in the times from one figure of each process: processes are what repeats independently."""
        found = median_interval([seconds * 1e9 for seconds in process_medians_s])
        self.median_ns, self.low_ns, self.high_ns, self.coverage = found
        self.processes = len(process_medians_s)


def write_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Replace the folder's `serializers.json`."""
    write_whole(folder / FILE, json.dumps([msgspec.to_builtins(row) for row in rows], indent=1) + "\n")


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder.

    Raises:
        OSError: there is no such file.
        ValueError: it holds something else.
    """
    return msgspec.json.decode((folder / FILE).read_bytes(), type=list[Row])


def table(rows: Iterable[Row]) -> str:
    """The rows for a person: a block for each operation and shape, fastest first, what was not timed last."""
    lines = []
    blocks: dict[tuple[str, str], list[Row]] = {}
    harness = None
    for row in rows:
        if row.library == HARNESS.library:
            harness = row
        else:
            blocks.setdefault((row.operation, row.shape), []).append(row)
    for (operation, shape), block in blocks.items():
        lines.append(f"\n{operation}, {shape:24}     ns     from       to  x fastest    bytes  peak B")
        timed = sorted((row for row in block if row.median_ns), key=lambda row: row.median_ns or 0.0)
        for row in timed:
            ratio = (row.median_ns or 0.0) / (timed[0].median_ns or 1.0)
            lines.append(
                f"  {row.label:24} {row.median_ns:10.0f} {row.low_ns:8.0f} {row.high_ns:8.0f} {ratio:8.2f} x"
                f" {row.payload_bytes:9.0f} {'' if row.peak_bytes is None else row.peak_bytes:>7}"
            )
        lines += [f"  {row.library:24} {row.status}: {row.detail}" for row in block if row.status != "ok"]
    if any(not row.validates for block in blocks.values() for row in block):
        lines.append(f"\n{UNVALIDATED}")
    if harness and harness.median_ns:
        lines.append(
            f"\nin every figure: {harness.median_ns:.0f} ns for the loop and one call of a function that does nothing"
        )
    return "\n".join(lines)
