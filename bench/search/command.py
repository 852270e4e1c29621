"""Arguments of `python -m bench search`, and the records that it leaves and goes on with."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import bench.search
from bench.record import PUBLISHED, write_whole
from bench.search import real, simulated
from loadgen.runner.environment import before

# Of each command: how many rows in all, and what makes one.
KINDS: dict[str, tuple[int, Callable[[], simulated.Row]]] = {
    "mock": (5, real.pair_on_mock),
    "kafka": (5, real.pair_on_kafka),
    "tune-throughput": (1, real.tune_flat_out),
    "tune-cpu": (1, real.tune_at_rate),
}


def main(argv: list[str]) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench search", description=bench.search.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("simulated").add_argument("--scale", type=float, default=1.0, help="share of the full number")
    for kind, (default, _) in KINDS.items():
        commands.add_parser(kind).add_argument("--count", type=int, default=default, help="in all; default %(default)s")
    for one in commands.choices.values():
        one.add_argument("--out", type=Path, default=PUBLISHED, help="default %(default)s")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    return _simulated(given) if given.command == "simulated" else _real(given)


def _simulated(given: argparse.Namespace) -> int:
    rows = []
    for make in simulated.rows(given.scale):
        rows.append(make())
        print(f"{rows[-1]['found']} of {rows[-1]['of']}  {rows[-1]['name']}; {rows[-1]['asked']}", flush=True)
    _write(given.out / "search-simulated.json", "simulated", rows)
    return 0 if all(row["holds"] for row in rows) else 1


def _real(given: argparse.Namespace) -> int:
    _, make = KINDS[given.command]
    path = given.out / f"search-{given.command}.json"
    rows: list[simulated.Row] = msgspec.json.decode(path.read_bytes())["rows"] if path.exists() else []
    while len(rows) < given.count:
        rows.append(make())
        _write(path, given.command, rows)
        print(f"{given.command} {len(rows)}/{given.count}: {_told(rows[-1])}", flush=True)
    return 0


def _told(row: simulated.Row) -> str:
    if "answers" in row:
        ends = "; ".join(answer["headline"] for answer in row["answers"])
        return f"{'overlap' if row['overlap'] else 'NO OVERLAP'} after {row['seconds']:.0f} s: {ends}"
    return f"{row['recommendation']} after {row['seconds']:.0f} s and {row['trials']} trials, {row['confirmed']}"


def _write(path: Path, command: str, rows: list[Any]) -> None:
    record = {"command": f"python -m bench search {command}", "environment": before(), "rows": rows}
    write_whole(path, msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n")
