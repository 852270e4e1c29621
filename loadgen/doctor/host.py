"""This host as a load generator: what its clock, processor, limits and leftovers would do to a run's figures."""

import os
import resource
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from loadgen.doctor.finding import Finding
from loadgen.profile import RunSettings
from loadgen.runner import environment
from loadgen.runner.instruments import choose_instrument

GOOD_CLOCKS = ("tsc", "arch_sys_counter")
BUSY_SHARE = 0.5  # of the cores, by the load average: others are at work here
FILES_A_PRODUCER = 64  # sockets to brokers, pipes and slab of its worker, with room
QUEUE_RAM_SHARE = 0.25
TEMPORARY = ("loadgen-kafka-", "loadgen-container-", "loadgen-outcomes-")


def look(settings: RunSettings, results: Path) -> list[Finding]:
    """Everything about this host.

    Args:
        results: the folder that runs are saved in.
    """
    facts = environment.before()
    return [
        _clock(facts["clocksource"]),
        _governor(facts["governor"]),
        _load(facts["load_before"][0], facts["affinity"] or facts["cores"] or 1),
        _files(settings, resource.getrlimit(resource.RLIMIT_NOFILE)),
        _memory(settings, psutil.virtual_memory().total),
        _instrument(settings),
        *_folders(results),
    ]


def _clock(source: str | None) -> Finding:
    if source is None:
        return Finding(level="unknown", subject="clock", message="this system does not name its clock source")
    if source in GOOD_CLOCKS:
        return Finding(level="good", subject="clock", message=f"clock source {source}")
    return Finding(
        level="warn",
        subject="clock",
        message=f"clock source {source}: reading it costs a call into the kernel, about a microsecond a record",
        remedies=["echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"],
    )


def _governor(name: str | None) -> Finding:
    if name is None:
        return Finding(level="unknown", subject="governor", message="the processor's frequency is not told here")
    if name == "performance":
        return Finding(level="good", subject="governor", message="performance")
    return Finding(
        level="warn",
        subject="governor",
        message=f"{name}: an idle core answers the first records more slowly",
        remedies=["cpupower frequency-set -g performance"],
    )


def _load(average: float, cores: int) -> Finding:
    level, remedies = ("good", []) if average <= BUSY_SHARE * cores else ("warn", ["end what else runs here, or wait"])
    return Finding(
        level="good" if level == "good" else "warn",
        subject="load",
        message=f"load average {average:.2f} on {cores} cores",
        remedies=remedies,
    )


def _files(settings: RunSettings, limits: tuple[int, int]) -> Finding:
    producers = settings.producers or settings.workers or os.cpu_count() or 1
    needed, (soft, hard) = 256 + FILES_A_PRODUCER * producers, limits
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return Finding(level="good", subject="files", message=f"{soft:,} open files allowed, about {needed:,} needed")
    raised = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    return Finding(
        level="warn",
        subject="files",
        message=f"{soft:,} open files allowed, {producers} producers need about {needed:,}; the hard limit is {raised}",
        remedies=[f"ulimit -n {needed}"],
    )


def _memory(settings: RunSettings, total: int) -> Finding:
    producers = settings.producers or settings.workers or 1
    given = settings.properties.get("queue.buffering.max.kbytes")
    if given is None:
        return Finding(level="good", subject="memory", message="queues are sized from memory, a quarter of it at most")
    asked = int(given) * 1024 * producers
    share = asked / total
    if share <= QUEUE_RAM_SHARE:
        return Finding(level="good", subject="memory", message=f"queues may take {share:.0%} of it")
    return Finding(
        level="warn",
        subject="memory",
        message=f"{producers} queues of {int(given):,} KiB may take {share:.0%} of it when the broker stalls",
        remedies=[f"-X queue.buffering.max.kbytes={int(total * QUEUE_RAM_SHARE / 1024 / producers)}"],
    )


def _instrument(settings: RunSettings) -> Finding:
    chosen = choose_instrument(settings)
    if chosen.kind == "c":
        return Finding(level="good", subject="instrument", message="acknowledgements are timed in C")
    return Finding(
        level="warn",
        subject="instrument",
        message=chosen.note or "timed in Python",
        remedies=["a compiler and: pip install --force-reinstall --no-binary kafka-loadgen kafka-loadgen"],
    )


def _folders(results: Path) -> list[Finding]:
    """What killed runs left on disk; what a living process still uses is none of it."""
    left = sorted(
        {*_temporary(Path(tempfile.gettempdir())), *(path for path in results.glob(".partial-*") if not _alive(path))}
    )
    if not left:
        return [Finding(level="good", subject="leftovers", message="no folders of killed runs")]
    return [
        Finding(
            level="warn",
            subject="leftovers",
            message=f"{path} was left by a run that was killed",
            remedies=[f"rm -r {shlex.quote(str(path))}"],
        )
        for path in left
    ]


def _temporary(folder: Path) -> Iterator[Path]:
    found = [path for prefix in TEMPORARY for path in folder.glob(f"{prefix}*") if path.is_dir()]
    words = (
        " ".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        if found
        else ""
    )
    return (path for path in found if str(path) not in words)


def _alive(partial: Path) -> bool:
    """A folder that is being saved carries its process in its name: `.partial-PID-…`."""
    pid = partial.name.removeprefix(".partial-").removeprefix("probe-").partition("-")[0]
    return pid.isdigit() and psutil.pid_exists(int(pid))
