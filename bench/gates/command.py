"""Arguments of `python -m bench gates`, and the series it runs and goes on with."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import bench.gates
from bench.gates import series
from bench.gates.default import timed
from bench.gates.simulation import simulate
from bench.record import PUBLISHED
from loadgen.experiments.run_door import broker_for
from loadgen.runner.environment import before

GATES = {"same": 20, "slower": 10, "costlier": 10}


def main(argv: list[str]) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench gates", description=bench.gates.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    simulate = commands.add_parser("simulate")
    simulate.add_argument("--scale", type=float, default=1.0, help="share of the full number of gates")
    simulate.set_defaults(call=_simulate)
    calibrate = commands.add_parser("calibrate")
    calibrate.add_argument("--pairs", type=int, default=36, help="of a gate; default %(default)s")
    calibrate.add_argument("--duration", default="0.4s", help="of each run; default %(default)s")
    calibrate.add_argument("--warmup", default="0.1s", help="default %(default)s")
    calibrate.set_defaults(call=_calibrate)
    for kind, number in GATES.items():
        one = commands.add_parser(kind)
        one.add_argument("--gates", type=int, default=number, help="of the series in all; default %(default)s")
        one.set_defaults(call=_series)
    commands.add_parser("default").set_defaults(call=_default)
    for name in ("calibrate", "default", *GATES):
        commands.choices[name].add_argument("--start", default="mock", choices=("kafka", "mock"))
    commands.add_parser("summary").set_defaults(call=_summary)
    for one in commands.choices.values():
        one.add_argument("--out", type=Path, default=PUBLISHED, help="default %(default)s")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    call: Callable[[argparse.Namespace], int] = given.call
    return call(given)


def _simulate(given: argparse.Namespace) -> int:
    rows = []
    for row in simulate(given.scale):
        rows.append(row)
        told = "holds" if row.holds else "MISSED"
        print(
            f"{row.share:6.1%} [{row.low:.1%} to {row.high:.1%}] of {row.of:5}  {row.name}; {row.asked}: {told}",
            flush=True,
        )
    _write(given.out / "gates-simulated.json", {"command": "python -m bench gates simulate", "rows": rows})
    return 0 if all(row.holds for row in rows) else 1


def _calibrate(given: argparse.Namespace) -> int:
    path = _setup_path(given.out, given.start)
    if path.exists():
        print(f"{path} is there and is kept; remove it to calibrate anew")
        return 0
    setup = series.Setup(start=given.start, pairs=given.pairs, duration=given.duration, warmup=given.warmup)
    with broker_for(setup.start) as broker:
        series.warm_up(setup, broker)
        setup = series.calibrated(setup, broker)
    _write(path, setup)
    print(f"{setup.start}: limits {', '.join(setup.limits)}; turns {setup.turns}")
    return 0


def _series(given: argparse.Namespace) -> int:
    kind, setup = given.command, _setup(given.out, given.start)
    if setup is None:
        print(f"{_setup_path(given.out, given.start)} is not there; python -m bench gates calibrate makes it")
        return 2
    path = _rows_path(given.out, given.start, kind)
    done = len(series.read_rows(path))
    if done < given.gates:
        with broker_for(setup.start) as broker:
            series.warm_up(setup, broker)
            for number in range(done + 1, given.gates + 1):
                row = series.row_of(setup, kind, number, broker)
                series.add_row(path, row)
                told = f"{row['verdict']}, {row['pairs']} pairs, {row['seconds']} s"
                print(f"{setup.start} {kind} {number:2d}/{given.gates}  {told}", flush=True)
    print(json.dumps({kind: series.counts(series.read_rows(path))}))
    return 0


def _default(given: argparse.Namespace) -> int:
    told = timed(given.start)
    _write(given.out / f"gates-{given.start}-default.json", told)
    print(json.dumps(told))
    return 0 if told["seconds"] <= told["most_seconds"] else 1


def _summary(given: argparse.Namespace) -> int:
    from bench.gates.picture import draw
    from bench.gates.summary import Equal, Planted, equal, markdown, planted

    told: dict[str, Equal | Planted] = {}
    drawn: dict[str, list[dict[str, Any]]] = {}
    for start in ("kafka", "mock"):
        for kind in GATES:
            rows = series.read_rows(_rows_path(given.out, start, kind))
            setup = _setup(given.out, start)
            if rows and setup is not None:
                told[f"{start} {kind}"] = equal(rows) if kind == "same" else planted(kind, rows, setup)
                drawn[f"{start} {kind}"] = rows
    if not told:
        print(f"{given.out}: no gates; python -m bench gates calibrate, then same, slower, costlier")
        return 2
    machine = before()
    _write(
        given.out / "gates.json", {"command": "python -m bench gates summary", "environment": machine, "series": told}
    )
    caption = f"{machine['cpu_model']}, {machine['cores']} cores; python -m bench gates summary"
    for path in (given.out / "gates.json", *draw(given.out, drawn, caption)):
        print(path)
    print(markdown(told), end="")
    return 0


def _setup(folder: Path, start: str) -> series.Setup | None:
    path = _setup_path(folder, start)
    return msgspec.json.decode(path.read_bytes(), type=series.Setup) if path.exists() else None


def _setup_path(folder: Path, start: str) -> Path:
    return folder / f"gates-{start}-setup.json"


def _rows_path(folder: Path, start: str, kind: str) -> Path:
    return folder / f"gates-{start}-{kind}.jsonl"


def _write(path: Path, content: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
