"""`python -m bench produce`: the serializers inside `loadgen run`, where a message costs more than its encoding.

Goal: what changing the serializer changes for a producer: messages a second flat out, CPU a message, latency at one
equal offered rate, and the share of a message's CPU that is serialization.
Non-goal: comparing brokers or profiles; everything but the serializer is the same in every run of a target.

Rounds are interleaved: each runs every serializer once, in an order drawn from the seed. A run that its own result
does not call valid is a row with its reason, never a number. Writes `produce.jsonl`, a row a run as each ends, and
`produce.json`, the summary.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, get_args

import msgspec

from bench.event_cost import event_costs
from bench.libraries import is_installed
from bench.produce_summary import FILE, Record, Run, read_record, summarize, table
from bench.produce_target import RunLoadgen, reach, run_loadgen
from bench.record import DEFAULT_FOLDER, EXIT_INTERRUPTED, EXIT_NOT_VALID, package_versions, write_whole
from bench.verify import INSTALL
from loadgen.errors import Unreachable, UsageError
from loadgen.messages.serializer import SerializerName

SERIALIZERS: tuple[SerializerName, ...] = get_args(SerializerName)


class Settings(NamedTuple):
    """What every run of a comparison shares."""

    rounds: int
    duration_s: float
    warmup_s: float
    line_items: tuple[int, int]
    rate_share: float
    seed: int

    def arguments(self, serializer: str) -> list[str]:
        """Of `loadgen run`, but for the target and the rate."""
        return [
            *("--events", "fresh", "--serializer", serializer, "--seed", str(self.seed)),
            *("--line-items", "{}-{}".format(*self.line_items)),
            *("-w", "1", "-d", f"{self.duration_s:g}s", "--warmup", f"{self.warmup_s:g}s"),
            *("--json=-", "--progress", "none"),
        ]  # fmt: skip


def main(argv: list[str]) -> int:
    """Run the command; its exit code: 0, 2 when it cannot start, 3, 5 or 130 as in `_carry_out`."""
    options = _parser().parse_args(argv)
    try:
        return _carry_out(options, argv)
    except (UsageError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _carry_out(options: argparse.Namespace, argv: list[str]) -> int:
    """Exit code 0, 3 when a target could not be reached, 5 when a serializer has no valid run, 130 when interrupted."""
    settings = Settings(
        rounds=2 if options.fast else options.rounds,
        duration_s=1 if options.fast else options.duration,
        warmup_s=0.5 if options.fast else options.warmup,
        line_items=_line_items(options.line_items),
        rate_share=options.rate_share,
        seed=options.seed,
    )
    serializers = _installed(options.serializers.split(","))
    costs = event_costs(serializers, settings.line_items, settings.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    targets = options.target or (["mock"] if options.fast else ["mock", "kafka"])
    earlier = _earlier(options.out, targets) if options.append else Record()
    machine = earlier.machine
    journal = options.out / "produce.jsonl"
    if not options.append:
        journal.write_text("")

    def run_and_note(arguments: list[str]) -> dict[str, Any]:
        result = run_loadgen(arguments)
        _note_machine(machine, result)
        return result

    runs: list[Run] = []
    code = 0
    try:
        for target in targets:
            try:
                with reach(target) as reaching:
                    for run in compare(target, reaching, settings, serializers, run_and_note):
                        runs.append(run)
                        with journal.open("a") as rows:
                            rows.write(json.dumps(msgspec.to_builtins(run)) + "\n")
                        print(run.as_line(), file=sys.stderr)
            except Unreachable as error:
                print(f"{target}: left out: {error}", file=sys.stderr)
                code = error.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted: finished runs are kept", file=sys.stderr)
        code = EXIT_INTERRUPTED
    summaries = summarize(runs, costs)
    commands = [*earlier.commands, " ".join(["python -m bench produce", *argv])]
    record = Record(commands, settings._asdict(), machine, [*earlier.summaries, *summaries])
    write_whole(options.out / FILE, json.dumps(msgspec.to_builtins(record), indent=1) + "\n")
    print(table(summaries))
    print(f"\nsaved in {options.out};  next   python -m bench plot {options.out}")
    incomplete = {run.serializer for run in runs} != {summary.serializer for summary in summaries}
    return code or (EXIT_NOT_VALID if incomplete or not summaries else 0)


def _installed(names: list[str]) -> tuple[SerializerName, ...]:
    """Those whose library is there; the others are named and left out.

    Raises:
        UsageError: a name that `--serializer` does not know, or none is left.
    """
    if unknown := set(names) - set(SERIALIZERS):
        raise UsageError(f"--serializers {','.join(sorted(unknown))}: {', '.join(SERIALIZERS)} are possible")
    for name in names:
        if not is_installed(name):
            print(f"{name}: skipped: {name} is not installed; {INSTALL}", file=sys.stderr)
    present = tuple(name for name in SERIALIZERS if name in names and is_installed(name))
    if not present:
        raise UsageError(f"--serializers {','.join(names)}: none of them is installed")
    return present


def compare(
    target: str, reaching: list[str], settings: Settings, serializers: tuple[str, ...], run: RunLoadgen
) -> Iterator[Run]:
    """All rounds flat out, then all rounds at one rate that the slowest serializer holds.

    Args:
        target: its name, for the rows.
        reaching: the arguments that reach it.
        settings: of every run.
        serializers: by name.
        run: starts one run.
    """
    flat_out: dict[str, list[float]] = {serializer: [] for serializer in serializers}
    for number, serializer in _interleaved(settings, serializers):
        done = Run.of(target, "flat_out", number, serializer, run([*reaching, *settings.arguments(serializer)]))
        if done.acked_per_s is not None:
            flat_out[serializer].append(done.acked_per_s)
        yield done
    if not all(flat_out.values()):
        return  # without a ceiling for each there is no rate that is fair to all
    rate = round(settings.rate_share * min(median(rates) for rates in flat_out.values()), -3)
    for number, serializer in _interleaved(settings, serializers):
        arguments = [*reaching, *settings.arguments(serializer), "-r", f"{rate:.0f}"]
        yield Run.of(target, "at_rate", number, serializer, run(arguments))


def _note_machine(machine: dict[str, Any], result: dict[str, Any]) -> None:
    """Add what a run's result says about its machine and broker, by the names of `machine.json`."""
    if "environment" not in result:
        return
    environment, client, broker = result["environment"], result["client"], result["broker"]
    machine |= {
        "cpu_model_name": environment["cpu_model"],
        "cpu_count": environment["cores"],
        "platform": environment["os"],
        "python_version": environment["python"],
    }
    machine.setdefault("measured_at", result["started_at"][:10])
    versions = machine.setdefault("versions", package_versions())
    versions |= {name: client[name] for name in ("confluent_kafka", "librdkafka")}
    if broker["version"]:
        versions["broker"] = broker["version"]


def _line_items(text: str) -> tuple[int, int]:
    least, dash, most = text.partition("-")
    if not (least.isdecimal() and (most.isdecimal() or not dash)):
        raise UsageError(f"--line-items {text}: a number or a range is needed, as 1-5")
    return int(least), int(most or least)


def _interleaved(settings: Settings, serializers: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for number in range(settings.rounds):
        drawn = random.Random(settings.seed * 1000 + number)
        for serializer in drawn.sample(serializers, len(serializers)):
            yield number, serializer


def _earlier(folder: Path, targets: list[str]) -> Record:
    """What the folder has of other targets; nothing where there is none.

    Raises:
        UsageError: its file is not one of ours.
    """
    if not (folder / FILE).exists():
        return Record()
    record = read_record(folder)
    return msgspec.structs.replace(record, summaries=[one for one in record.summaries if one.target not in targets])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench produce", description=__doc__)
    add = parser.add_argument
    add("target", nargs="*", help="mock, kafka, redpanda or HOST:PORT; default mock and kafka")
    add("--fast", action="store_true", help="mock alone, two rounds of a second: to see that it works")
    add("--rounds", type=int, default=6, help="default %(default)s; fewer cannot give a 95 %% interval")
    add("-d", "--duration", type=float, default=4, metavar="SECONDS", help="of a run; default %(default)s")
    add("--warmup", type=float, default=1, metavar="SECONDS", help="of a run; default %(default)s")
    add("--line-items", default="1-5", help="of an order; default %(default)s")
    add("--rate-share", type=float, default=0.5, help="offered rate ÷ what the slowest does flat out; %(default)s")
    add("--serializers", default=",".join(SERIALIZERS), help="default %(default)s")
    add("--seed", type=int, default=1, help="of orders and of the order of runs")
    add("--out", type=Path, default=DEFAULT_FOLDER, help="folder; default %(default)s")
    add("--append", action="store_true", help="keep what the folder has of other targets")
    return parser
