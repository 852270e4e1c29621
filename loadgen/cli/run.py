"""`loadgen run`: one run, from settings to a saved, judged result."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loadgen.cli.flags import OUTPUT, RunFlags
from loadgen.errors import UsageError
from loadgen.profile import RunSettings, resolve
from loadgen.properties import redacted
from loadgen.report.result import Result, encode
from loadgen.report.stored import Run as Stored

CEILING_FROM_S = 10.0  # shorter runs are tries: not worth 5 s more


@Parameter(name="*", negative_iterable=())
@dataclass
class Output:
    """Where a result goes; rows and words go to standard error, results to standard output."""

    json: Annotated[
        str | None,
        Parameter(
            group=OUTPUT, allow_leading_hyphen=True, help="FILE, or - for one JSON object on stdout and nothing else."
        ),
    ] = None
    out: Annotated[
        Path | None, Parameter(group=OUTPUT, help="The run's folder; default results/runs/<UTC>-<name>.")
    ] = None
    junit_xml: Annotated[Path | None, Parameter(group=OUTPUT, help="Rules as JUnit test cases.")] = None
    report_md: Annotated[Path | None, Parameter(group=OUTPUT, help="The summary as markdown.")] = None
    export: Annotated[list[str] | None, Parameter(group=OUTPUT, help="csv|omb|pyperf=PATH; repeatable.")] = None
    progress: Annotated[str, Parameter(group=OUTPUT, help="auto, live, plain or none.")] = "auto"


def run(*, flags: RunFlags | None = None, output: Output | None = None) -> int:
    """One run: send by a plan, time every acknowledgement, judge the result.

    Nothing is judged by its exit alone: 0 all that was asked holds; 2 not started; 3 unreachable; 4 data wrong;
    5 not valid; 99 a rule was missed; 130/143 interrupted.
    """
    where = output or Output()
    settings = resolve((flags or RunFlags()).given())
    for note in settings.notes:
        print(f"note: {note}", file=sys.stderr)
    if settings.dry_run:
        return dry_run(settings)
    return carry_out_and_save(settings, where)


def dry_run(settings: RunSettings) -> int:
    """Print what would be done, and what the guard says of the addresses; no cluster is asked."""
    from loadgen.brokers.guard import Seen, decide, decide_password
    from loadgen.runner.limits import most_records

    most = most_records(settings)
    rate = settings.rate
    load = {
        "max": "flat out",
        "events": f"{rate.value:,.0f} msg/s",
        "bytes": f"{rate.value / (1 << 20):,.1f} MiB/s of payload",
        "percent": f"{rate.value:g} % of a flat-out probe",
    }[rate.kind]
    if settings.ramp or settings.steps:
        load = f"ramp {settings.ramp}" if settings.ramp else f"steps {settings.steps}"
    length = f"{settings.duration_s:g} s" if settings.duration_s else ""
    count = f"{settings.count:,} records" if settings.count else ""
    print(f"would send to  {settings.bootstrap or f'a {settings.start} started for it'}")
    print(f"topic          {settings.topic or 'one of its own, removed at the end'}")
    print(
        f"load           {load}, {' or '.join(filter(None, (length, count)))} after {settings.warmup_s:g} s of warm-up"
    )
    print(f"records        {settings.events}, keys {settings.keys}, seed {settings.seed}")
    print(f"caps           {most:,} records ({settings.max_bytes:,} bytes of payload), {settings.max_time_s:,.0f} s")
    if settings.bootstrap and not settings.start:
        given = settings.bootstrap.split(",")
        decision = decide(Seen(given), settings.confirm)
        password = decide_password(settings.properties, given, allow_unsafe=settings.allow_unsafe)
        for said in (decision, *(() if password.allowed else (password,))):
            told = said.reason if said.allowed else f"refused: {said.reason}; to allow it: {said.allow_with}"
            print(f"guard          {told}")
        print("               what the cluster itself advertises is asked when it runs")
    print(
        f"client         {settings.profile}: "
        + " ".join(f"{k}={v}" for k, v in sorted(redacted(settings.properties).items()))
    )
    return 0


def carry_out_and_save(settings: RunSettings, output: Output) -> int:
    """Run, save, print; the exit code is the verdict's."""
    from loadgen.report import export, folder
    from loadgen.report.live import progress
    from loadgen.runner.coordinator import carry_out

    # whatever cannot be written is said before the run, not after it
    root = folder.results_root(None, os.environ)
    folder.check_writable(output.out.parent if output.out else root)
    name = folder.check_name(settings.name) if settings.name else ""
    exports = [export.parse(text) for text in output.export or ()]
    with progress(output.progress, sys.stderr) as show:
        _know_ceiling(settings, show.say)
        done = carry_out(settings, command=["loadgen", *sys.argv[1:]], on_interval=show.row, say=show.say)
    result = done.result
    stored = Stored(
        name=name or result.plan.run_token, result=result, intervals=done.intervals, histograms=done.histograms
    )
    saved: Path | None = None
    try:
        saved = folder.save(
            root,
            stored.name,
            result,
            done.intervals,
            done.histograms,
            extra_files={**({} if done.hurried else _shown(stored)), **done.extra_files},
            folder=output.out,
        )
    finally:
        # also when it could not be saved: what was measured is told
        _tell(result, saved, output)
    _write_others(stored, output, exports)
    return result.verdict.exit_code


def _know_ceiling(settings: RunSettings, say: Callable[[str], None]) -> None:
    """Measure what this host can send, once for each payload, before a run whose result should tell its headroom."""
    from loadgen.runner.ceiling import measure
    from loadgen.runner.headroom import remember, remembered

    long_enough = settings.duration_s is not None and settings.duration_s >= CEILING_FROM_S
    if settings.start != "mock" and settings.rate.kind != "max" and long_enough and remembered(settings) is None:
        say("measuring what this host can send with this payload, 5 s on a mock cluster; kept for the next runs")
        remember(settings, measure(settings))


def _shown(run: Stored) -> dict[str, bytes]:
    """Page and pictures; a small installation does without, and says what would bring them.

    A run that lost a worker ends at once: drawing takes longer than noticing, draining and saving together.
    """
    from loadgen.report import page

    if any(worker.lost_after_s is not None for worker in run.result.workers):
        print("no report page yet, since a worker was lost: loadgen report makes it", file=sys.stderr)
        return {}
    try:
        return page.files(run)
    except UsageError as error:
        print(f"no report page: {error}", file=sys.stderr)
        return {}


def _tell(result: Result, saved: Path | None, output: Output) -> None:
    from loadgen.report import text
    from loadgen.report.live import colored

    if output.json == "-":
        print(encode(result).decode(), end="")
        return
    sys.stdout.write(text.summary(result, saved, color=colored(sys.stdout)))


def _write_others(run: Stored, output: Output, exports: Sequence[tuple[str, Path]]) -> None:
    """What was asked beside the run's folder, each file whole or not at all; CI's step summary is appended to."""
    from loadgen.cli.report import write
    from loadgen.report import export
    from loadgen.report.junit import junit
    from loadgen.report.markdown import one

    if output.json and output.json != "-":
        write(Path(output.json), encode(run.result))
    if output.junit_xml:
        write(output.junit_xml, junit(run.result))
    if output.report_md:
        write(output.report_md, one(run.result).encode())
    for kind, path in exports:
        write(path, export.render(kind, run))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as steps:
            steps.write(one(run.result))
