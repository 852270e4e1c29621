"""`python -m bench serializers`: every library at every case, checked, timed, weighed, told.

Writes into one folder: `serializers.pyperf.json` (for pyperf), `serializers.json` (a row a case, errors and skipped
ones included), `machine.json`.
"""

import argparse
import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from bench import measure
from bench.cases import HARNESS, Case, all_cases, fast_cases
from bench.interval import median_interval
from bench.libraries import LIBRARIES
from bench.sizes import compressed_bytes, peak_bytes
from bench.verify import check
from loadgen.errors import UsageError

DEFAULT_FOLDER = Path("results/runs/bench")
PACKAGES = ("msgspec", "orjson", "pydantic", "pydantic-core", "pyperf", "cramjam")

EXIT_WRONG_DATA = 4
EXIT_INTERRUPTED = 130


class Row(msgspec.Struct):
    """A line of `serializers.json`. Times are of one call; None where a case was not timed or weighed.

    `low_ns` … `high_ns` covers the true median with `coverage`, over processes.
    """

    case: str
    operation: str
    shape: str
    library: str
    status: str
    detail: str
    payload_bytes: float | None = None
    median_ns: float | None = None
    low_ns: float | None = None
    high_ns: float | None = None
    coverage: float | None = None
    processes: int = 0
    peak_bytes: int | None = None
    compressed_bytes: dict[str, float | None] | None = None


def main(argv: list[str]) -> int:
    """Run the command; its exit code: 0, 4 when a case was wrong, 130 when interrupted."""
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if options.case:  # a worker process, started by pyperf
        measure.run_worker(case_of(options.case), rest)
        return 0
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.agree:
        from bench import agreement

        try:
            return agreement.main(*options.agree)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    if options.paired:
        from bench import paired

        try:
            first, second = map(case_of, options.paired)
        except UsageError as error:
            parser.error(str(error))
        return paired.main(first, second, rounds=options.rounds, planted=options.plant / 100)
    cases = _select(fast_cases() if options.fast else all_cases(), options.only, parser)
    effort = measure.FAST if options.fast else measure.RIGOROUS if options.rigorous else measure.FULL
    return run([HARNESS, *cases], effort, options.out)


def run(cases: list[Case], effort: measure.Effort, folder: Path) -> int:
    """Check all, time what is right, weigh it, write and print."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    rows = {case.name: _checked_row(case) for case in cases}
    right = [case for case in cases if rows[case.name].status == "ok"]
    pyperf_file = folder / "serializers.pyperf.json"
    pyperf_file.unlink(missing_ok=True)  # what an earlier run left there would be taken for this one's
    measurement = measure.Measurement(
        pyperf_file, effort, {f"{name}_version": v for name, v in package_versions().items()}
    )
    code = 0
    try:
        failures = measurement.run(right, _show_progress)
        for name, reason in failures.items():
            rows[name].status, rows[name].detail = "error", reason
        for case in right:
            if case != HARNESS and case.name not in failures:
                _weigh(case, rows[case.name])
    except KeyboardInterrupt:
        print("\ninterrupted: what is finished is kept", file=sys.stderr)
        code = EXIT_INTERRUPTED
    _write(folder, pyperf_file, list(rows.values()))
    print(table(list(rows.values())))
    print(f"\n{len(right)} of {len(cases)} cases in {time.monotonic() - started:.0f} s; saved in {folder}")
    print(f"next   python -m bench plot {folder};  python -m pyperf stats {pyperf_file}")
    if code == 0 and any(row.status == "error" for row in rows.values()):
        code = EXIT_WRONG_DATA
    return code


def table(rows: list[Row]) -> str:
    """The rows for a person: a block for each operation and shape, fastest first, what was not timed last."""
    lines = []
    blocks: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.library != HARNESS.library:
            blocks.setdefault((row.operation, row.shape), []).append(row)
    for (operation, shape), block in blocks.items():
        lines.append(f"\n{operation}, {shape:24}     ns     from       to  x fastest    bytes  peak B")
        timed = sorted((row for row in block if row.median_ns), key=lambda row: row.median_ns or 0.0)
        for row in timed:
            ratio = (row.median_ns or 0.0) / (timed[0].median_ns or 1.0)
            lines.append(
                f"  {row.library:24} {row.median_ns:10.0f} {row.low_ns:8.0f} {row.high_ns:8.0f} {ratio:8.2f} x"
                f" {row.payload_bytes:9.0f} {'' if row.peak_bytes is None else row.peak_bytes:>7}"
            )
        lines += [f"  {row.library:24} {row.status}: {row.detail}" for row in block if row.status != "ok"]
    overhead = next((row.median_ns for row in rows if row.library == HARNESS.library and row.median_ns), None)
    if overhead is not None:
        lines.append(f"\nin every figure: {overhead:.0f} ns for the loop and one call of a function that does nothing")
    return "\n".join(lines)


def _checked_row(case: Case) -> Row:
    status, detail, payload_bytes = check(case)
    return Row(case.name, case.operation, case.shape.name, case.library, status, detail, payload_bytes)


def _weigh(case: Case, row: Row) -> None:
    """Memory and compressed bytes, of the operation `encode` alone: the others encode the same."""
    if case.operation == "encode":
        row.peak_bytes = peak_bytes(case.library, case.shape)
        row.compressed_bytes = compressed_bytes(case.library, case.shape)


def _write(folder: Path, pyperf_file: Path, rows: list[Row]) -> None:
    if pyperf_file.exists():
        for name, means in measure.read_process_means(pyperf_file).items():
            row = next(row for row in rows if row.case == name)
            middle, low, high, coverage = median_interval([mean * 1e9 for mean in means])
            row.median_ns, row.low_ns, row.high_ns, row.coverage = middle, low, high, coverage
            row.processes = len(means)
    write = measure.write_whole
    write(folder / "serializers.json", json.dumps([msgspec.to_builtins(row) for row in rows], indent=1) + "\n")
    machine = {"versions": package_versions()} | measure.read_machine(pyperf_file)
    write(folder / "machine.json", json.dumps(machine, indent=1) + "\n")


def package_versions() -> dict[str, str]:
    """Of the libraries under test and of what measures them; those that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _show_progress(number: int, case: Case, median_s: float) -> None:
    print(f"pass {number + 1}  {case.name:44} {median_s * 1e9:10.0f} ns", file=sys.stderr)


def case_of(name: str) -> Case:
    """The case of that name.

    Raises:
        UsageError: there is none.
    """
    for case in [HARNESS, *all_cases()]:
        if case.name == name:
            return case
    raise UsageError(f"no case {name!r}; python -m bench serializers --list names them")


def _select(cases: list[Case], only: list[str], parser: argparse.ArgumentParser) -> list[Case]:
    chosen = [case for case in cases if all(part in case.name.split(" ") for text in only for part in text.split(" "))]
    if not chosen:
        parser.error(f"--only {' '.join(only)}: no such case; --list names them, a part is a whole word")
    return chosen


class _List(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for case in all_cases():
            print(f"{case.name:44} {LIBRARIES[case.library].about}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench serializers", description=__doc__)
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--fast", action="store_true", help="12 cases in 20 s")
    effort.add_argument("--rigorous", action="store_true", help="four times as long as the full run of 15 min")
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="cases with all of these words")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder; default %(default)s")
    parser.add_argument("--list", action=_List, nargs=0, help="name all cases")
    parser.add_argument("--paired", nargs=2, metavar="CASE", help="judge two cases in paired rounds")
    parser.add_argument("--rounds", type=int, default=12, help="of --paired, a process each; default %(default)s")
    parser.add_argument("--plant", type=float, default=0, metavar="PERCENT", help="slow the second down on purpose")
    parser.add_argument("--agree", nargs=2, type=Path, metavar="FOLDER", help="compare two full runs of a machine")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser
