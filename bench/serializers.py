"""`python -m bench serializers`: every library at every case, checked, weighed, timed, told.

Writes into one folder: `serializers.pyperf.json` (for pyperf), `serializers.json` (a row a case, errors and skipped
ones included), `machine.json`; all three are whole after every case, so whatever ends a run leaves what is finished.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench import measure
from bench.cases import HARNESS, Case, all_cases, case_of, fast_cases
from bench.libraries import LIBRARIES, add_from
from bench.record import (
    DEFAULT_FOLDER,
    EXIT_INTERRUPTED,
    EXIT_WRONG_DATA,
    package_versions,
    write_whole,
)
from bench.serializer_rows import UNVALIDATED, Row, table, write_rows
from loadgen.errors import UsageError


def main(argv: list[str]) -> int:
    """Run the command; its exit code: 0, 2 when it cannot start, 4 when a case was wrong, 130 when interrupted."""
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    try:
        if options.own_file:
            add_from(options.own_file)
        if options.case:  # a worker process, started by pyperf
            measure.run_worker(case_of(options.case), rest)
            return 0
        if rest:
            parser.error(f"unknown: {' '.join(rest)}")
        return _carry_out(options)
    except (UsageError, OSError) as error:
        parser.error(str(error))


def _carry_out(options: argparse.Namespace) -> int:
    if options.list:
        for case in all_cases():
            one = LIBRARIES[case.library]
            print(f"{case.name:44} {one.about}" + ("" if one.validates else f"; {UNVALIDATED}"))
        return 0
    if options.agree:
        from bench import agreement

        return agreement.main(*options.agree)
    if options.paired or options.paired_check:
        from bench import paired, paired_check  # here, for numpy is nothing that a worker has to wait for

        if options.paired:
            first, second = map(case_of, options.paired)
            return paired.main(first, second, options.rounds, options.plant / 100, options.own_file)
        return paired_check.main(case_of(options.paired_check), options.rounds, options.out)
    cases = _select(fast_cases() if options.fast else all_cases(), options.only)
    effort = measure.FAST if options.fast else measure.RIGOROUS if options.rigorous else measure.FULL
    return run([HARNESS, *cases], effort, options.out, options.own_file)


def run(cases: list[Case], effort: measure.Effort, folder: Path, own_file: Path | None = None) -> int:
    """Check and weigh all, time what is right, write and print.

    Args:
        cases: of the table.
        effort: per case.
        folder: made if it is not there; the three files in it are replaced.
        own_file: where a user's libraries come from, for the worker processes.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    rows = {case.name: Row.checked(case) for case in cases}
    right = [case for case in cases if rows[case.name].status == "ok"]
    pyperf_file = folder / "serializers.pyperf.json"
    pyperf_file.unlink(missing_ok=True)  # what an earlier run left there would be taken for this one's
    write_rows(folder, rows.values())
    versions = package_versions()
    measurement = measure.Measurement(
        pyperf_file,
        effort,
        {f"{name}_version": number for name, number in versions.items()},
        ("--with", str(own_file)) if own_file else (),
    )

    def keep(number: int, case: Case, process_medians_s: list[float]) -> None:
        row = rows[case.name]
        row.time(process_medians_s)
        write_rows(folder, rows.values())
        machine = {"versions": versions} | measurement.machine()
        write_whole(folder / "machine.json", json.dumps(machine, indent=1) + "\n")
        print(f"pass {number + 1}  {case.name:44} {row.median_ns:10.0f} ns", file=sys.stderr)

    interrupted = False
    try:
        for name, reason in measurement.run(right, keep).items():
            rows[name].status, rows[name].detail = "error", reason
        write_rows(folder, rows.values())
    except KeyboardInterrupt:
        print("\ninterrupted: what is finished is kept", file=sys.stderr)
        interrupted = True
    print(table(rows.values()))
    timed = sum(row.median_ns is not None for row in rows.values())
    print(f"\n{timed} of {len(cases)} cases in {time.monotonic() - started:.0f} s; saved in {folder}")
    print(f"next   python -m bench plot {folder};  python -m pyperf stats {pyperf_file}")
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_WRONG_DATA if any(row.status == "error" for row in rows.values()) else 0


def _select(cases: list[Case], only: list[str]) -> list[Case]:
    chosen = [case for case in cases if all(part in case.name.split(" ") for text in only for part in text.split(" "))]
    if not chosen:
        raise UsageError(f"--only {' '.join(only)}: no such case; --list names them, a part is a whole word")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench serializers", description=__doc__)
    add: Any = parser.add_argument
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--fast", action="store_true", help="12 cases in 20 s")
    effort.add_argument("--rigorous", action="store_true", help="ten times as long as the full run of 4 minutes")
    add("--only", action="append", default=[], metavar="WORDS", help="cases with all of these words")
    add("--with", dest="own_file", type=Path, metavar="FILE", help="a Python file that adds libraries of your own")
    add("--out", type=Path, default=DEFAULT_FOLDER, help="folder; default %(default)s")
    add("--list", action="store_true", help="name all cases")
    add("--paired", nargs=2, metavar="CASE", help="judge two cases in paired rounds")
    add(
        "--paired-check",
        nargs="?",
        const="encode 3-items msgspec",
        metavar="CASE",
        help="does the paired test find 10 %% that were planted, and nothing where nothing is? default %(const)s",
    )
    add("--rounds", type=int, default=12, help="of a paired test, a process each; default %(default)s")
    add("--plant", type=float, default=0, metavar="PERCENT", help="slow the second down on purpose")
    add("--agree", nargs=2, type=Path, metavar="FOLDER", help="compare two full runs of a machine")
    add("--case", help=argparse.SUPPRESS)
    return parser
