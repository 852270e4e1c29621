"""`loadgen verify RUN`: read back everything a run sent, and say what is lost, doubled, out of order or changed."""

import os
import sys
from typing import Annotated, Any

from cyclopts import Parameter

from loadgen.cli.reaching import CommandConfig, settings_to_reach
from loadgen.errors import DataWrong, UsageError
from loadgen.properties import SECRET
from loadgen.report import folder
from loadgen.report.result import Result, read_result
from loadgen.verify.verification import Mode, Verification

SHOWN_EXAMPLES = 10
OWN_BROKERS = ("mock", "kafka", "redpanda")


def verify(
    run: Annotated[str, Parameter(help="A run's folder, `last`, a name, or a unique prefix.")],
    *,
    mode: Annotated[
        Mode, Parameter(help="ids: each id against its outcome; full: every record byte for byte.")
    ] = "ids",
    bootstrap_server: Annotated[
        str | None,
        Parameter(
            name=["-b", "--bootstrap-server", "--bootstrap-servers", "--brokers"],
            help="HOST:PORT,… of the cluster; else the environment's, else what the run was given.",
        ),
    ] = None,
    X: Annotated[  # noqa: N803 - named as the flag is
        list[str] | None,
        Parameter(name=["-X", "--command-property"], help="librdkafka property key=value; secrets are not stored."),
    ] = None,
    command_config: CommandConfig = None,
    processes: Annotated[int | None, Parameter(help="How many read; by default as many as are worth it.")] = None,
    json: Annotated[str | None, Parameter(help="FILE, or - for one JSON object on stdout and nothing else.")] = None,
) -> int:
    """Read back everything a run sent; exit 4 when data is lost, duplicated, reordered or corrupted.

    Writes verify.json into the run's folder and changes nothing else there.
    """
    import msgspec

    from loadgen.verify.stored import VERIFICATION, verify_folder

    path = folder.find_run(run, folder.results_root(None, os.environ))
    result = read_result(path)
    bootstrap, properties = _cluster(result, bootstrap_server, {"X": X, "command_config": command_config})
    if processes is not None and not 1 <= processes <= 64:
        raise UsageError(f"--processes {processes}: 1 to 64 is possible")
    found = verify_folder(path, bootstrap, properties, mode, processes=processes)
    if json == "-":
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        for line in summary(found):
            print(line)
        print(f"  saved    {path / VERIFICATION}")
        if json is not None:
            _write(json, msgspec.json.encode(found) + b"\n")
    return 0 if found.ok else DataWrong.exit_code


def summary(found: Verification) -> list[str]:
    """What is told on a terminal: worst first, then the number, then what limits it."""
    counts = found.verified
    verdict = "all there" if found.ok else "DATA WRONG"
    bad = [
        f"{count:,} {name}"
        for name, count in (
            ("lost", counts.lost),
            ("duplicated", counts.duplicated),
            ("reordered", counts.reordered),
            ("corrupted", counts.corrupted),
        )
        if count
    ]
    head = f"{verdict}  {', '.join(bad) or f'{found.acked:,} acknowledged, each read once and in order'}"
    lines = [head if found.ok else f"{head}{'exit 4':>12}"]
    lines.append(
        f"  read     {counts.read:,} records of {found.topic} in {found.elapsed_s:.1f} s ({found.read_per_s:,.0f}/s, "
        f"{found.processes} {'process' if found.processes == 1 else 'processes'}, mode {found.mode})"
    )
    for count, what in (
        (counts.foreign, "foreign: not this run's"),
        (found.unknown_found, "of unknown outcome are in the log: they were written"),
        (found.failed_found, "reported as failed are in the log: an earlier attempt was written"),
        (found.rejected_found, "rejected by the client are in the log"),
    ):
        if count:
            lines.append(f"  also     {count:,} {what}")
    lines += [f"  example  {example.text()}" for example in found.examples[:SHOWN_EXAMPLES]]
    lines += [f"  note     {note}" for note in found.notes]
    return lines


def _cluster(result: Result, given: str | None, how: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """(where the topic is, properties that were given now).

    Raises:
        UsageError: nobody says where, or the cluster was started for the run and is gone with it.
    """
    told = given or how["command_config"] or _from_environment()
    flags = {**how, "bootstrap_server": given}
    if told is None:
        flags["bootstrap_server"] = _from_command(result.command)
    if told is None and flags["bootstrap_server"] is None:
        kind = result.broker.kind
        why = (
            f"the {kind} of this run was started for it and ended with it" if kind in OWN_BROKERS else "none was stored"
        )
        raise UsageError(
            f"no cluster to read from: {why}; name one with -b HOST:PORT, or use --verify (and --keep-topic) with the run"
        )
    settings = settings_to_reach(flags)
    assert settings.bootstrap is not None
    if told is None and any(SECRET.search(name) for name in settings.properties):
        raise UsageError(
            f"refused: a password would go to {settings.bootstrap}, which only the stored result names; "
            "to allow it: -b HOST:PORT"
        )
    return settings.bootstrap, settings.properties


def _from_environment() -> str | None:
    """A variable that is set, also when it is empty: then `resolve` says so."""
    names = ("LOADGEN_BOOTSTRAP_SERVERS", "LOADGEN_BOOTSTRAP_SERVER", "RPK_BROKERS")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _from_command(command: list[str]) -> str | None:
    """What the run's own command line named."""
    names = ("-b", "--bootstrap-server", "--bootstrap-servers", "--brokers")
    for at, word in enumerate(command):
        name, equals, value = word.partition("=")
        if name in names and equals:
            return value
        if word in names and at + 1 < len(command):
            return command[at + 1]
    return None


def _write(file: str, content: bytes) -> None:
    from pathlib import Path

    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from None
