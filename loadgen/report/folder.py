"""A run's folder: `<UTC>-<name>`, complete or absent; and finding one again.

Everything is written under a temporary name in the same directory, each file and the directory synced, then renamed:
a reader never sees half a run, and a run that was killed while saving leaves only a hidden `.partial-…` behind.
Not here: what the files mean (`result`, `hlog`, `plot`, `page`).
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadgen.errors import UsageError
from loadgen.report import hlog
from loadgen.report.ground import measured_s
from loadgen.report.result import Interval, Result, encode

DEFAULT_ROOT = Path("results") / "runs"
VARIABLE = "LOADGEN_RESULTS"
PROBE_BYTES = 256 * 1024  # about what a run's files weigh without its log
MAX_SAME_SECOND = 1000
RESULT, INTERVALS, HISTOGRAMS = "result.json", "intervals.jsonl", "latency.hlog"
_STAMPED = re.compile(r"\d{8}T\d{6}Z-(.+?)(?:~\d+)?")
_SHOWN_CANDIDATES = 8


def results_root(argument: Path | None, environ: Mapping[str, str]) -> Path:
    """Where runs are kept: the argument, else LOADGEN_RESULTS, else results/runs in the working directory."""
    if argument is not None:
        return argument
    return Path(environ[VARIABLE]) if environ.get(VARIABLE) else DEFAULT_ROOT


def check_name(name: str) -> str:
    """The name, when it can be a part of a folder's name.

    Raises:
        UsageError: it could leave the results folder, hide itself, or be mistaken for `last`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name) or name == "last":
        raise UsageError(
            f"--name {name!r} must be 1 to 80 letters, digits, dots, dashes or underscores, "
            "begin with a letter or digit, and not be `last`"
        )
    return name


def check_writable(root: Path) -> None:
    """Make the results folder and try to write to it, before a run rather than after.

    Raises:
        UsageError: read-only, full, or not a folder.
    """
    probe = root / f".partial-probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        try:
            _write(probe, b"\0" * PROBE_BYTES)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(root, error, "no run was started") from None


def save(
    root: Path,
    name: str,
    result: Result,
    intervals: Iterable[Interval],
    histograms: Mapping[str, hlog.Counts],
    *,
    histogram_log: bytes | None = None,
    extra_files: Mapping[str, bytes | Path] | None = None,
    folder: Path | None = None,
) -> Path:
    """Write a run, whole or not at all.

    Args:
        root: the results folder; made when missing.
        name: the part of the folder's name behind the time (see `check_name`).
        intervals: rows of intervals.jsonl, in order.
        histograms: counts of the measured phase, CELLS each, by metric (response, service, lateness, request_rtt …);
            they become latency.hlog, one line a metric.
        histogram_log: the bytes of latency.hlog instead, when the run kept one histogram a second.
        extra_files: more files by plain name: their bytes, or a file to copy.
        folder: the exact folder to make, instead of `<UTC>-<name>` in root; it must not exist or be empty.

    Returns:
        The folder, as root gave it (relative when root is).

    Raises:
        UsageError: a bad name, a folder that is in the way, a read-only or full disk; nothing is left behind.
    """
    check_name(name)
    parent = root if folder is None else folder.parent
    length_s = measured_s(result) or 0.0
    start_epoch_s = result.plan.start_epoch_us / 1e6 + result.plan.warmup_s
    files: dict[str, bytes | Path] = {
        RESULT: encode(result),
        INTERVALS: b"".join(msgspec.json.encode(row) + b"\n" for row in intervals),
        HISTOGRAMS: histogram_log or hlog.whole_run(start_epoch_s, length_s, histograms),
    }
    for extra, content in (extra_files or {}).items():
        if not extra or extra in files or extra != Path(extra).name or extra.startswith("."):
            raise ValueError(f"{extra!r} cannot be the name of a further file of a run")
        files[extra] = content
    partial = parent / f".partial-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        for file, content in files.items():
            _write(partial / file, content)
        _sync_directory(partial)
        target = _renamed(partial, _targets(parent, result.started_at, name) if folder is None else iter([folder]))
        _sync_directory(parent)
    except OSError as error:
        raise _unwritable(parent, error, "the run was not saved") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # already renamed when all went well
    return target


def _targets(parent: Path, started_at: str, name: str) -> Iterator[Path]:
    """The folder's name, then the same with ~2, ~3 … for runs of one second and name."""
    stamp = datetime.fromisoformat(started_at).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    yield parent / f"{stamp}-{name}"
    for further in range(2, MAX_SAME_SECOND):
        yield parent / f"{stamp}-{name}~{further}"


def _renamed(partial: Path, targets: Iterator[Path]) -> Path:
    """Rename to the first free target. The rename itself is the test, so two runs that end at once cannot collide."""
    last: OSError | None = None
    for target in targets:
        try:
            return partial.rename(target)
        except OSError as error:
            if not target.exists():
                raise
            last = error
    assert last is not None
    raise last


def _write(path: Path, content: bytes | Path) -> None:
    """Write or copy a file and sync it."""
    with path.open("xb") as file:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # some file systems cannot sync a directory (EINVAL); the files themselves are safe by now
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(root: Path, error: OSError, consequence: str) -> UsageError:
    reason = error.strerror or str(error)
    place = error.filename2 or error.filename or root
    shown = root if ".partial-" in str(place) else place
    return UsageError(
        f"results folder {root}: {consequence}: {reason}{'' if shown == root else f' ({shown})'}; "
        f"free or name another with --out or {VARIABLE}"
    )


def runs(root: Path) -> list[Path]:
    """The run folders of a results folder, oldest first; none when it does not exist."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if not path.name.startswith(".") and (path / RESULT).is_file()]
    return sorted(found, key=lambda path: (path.name[:16], (path / RESULT).stat().st_mtime_ns))


def find_run(spec: str, root: Path) -> Path:
    """The run that a user means: a folder (or its result.json), `last`, a name (its newest run), or a unique prefix.

    Raises:
        UsageError: nothing fits, or several do; the candidates are listed.
    """
    path = Path(spec)
    if path.name == RESULT and path.is_file():
        return path.parent
    if (path / RESULT).is_file():
        return path
    known = runs(root)
    if spec == "last":
        if not known:
            raise UsageError(f"no runs in {root}; make one: loadgen run --start mock")
        return known[-1]
    named = [run for run in known if spec in {run.name, _name_of(run)}]
    if named:
        return named[-1]
    fitting = [run for run in known if run.name.startswith(spec) or _name_of(run).startswith(spec)] if spec else []
    if len(fitting) == 1:
        return fitting[0]
    listed = fitting or known
    shown = ", ".join(run.name for run in listed[-_SHOWN_CANDIDATES:]) or "none"
    more = f" and {len(listed) - _SHOWN_CANDIDATES} older" if len(listed) > _SHOWN_CANDIDATES else ""
    what = f"{spec!r} fits {len(fitting)} runs" if fitting else f"no run {spec!r}"
    raise UsageError(f"{what} in {root}; there: {shown}{more}")


def _name_of(run: Path) -> str:
    match = _STAMPED.fullmatch(run.name)
    return match[1] if match else run.name


def read_intervals(run: Path) -> list[Interval]:
    """The rows of a stored run, one a second; none when the file is absent.

    Raises:
        UsageError: a line that is no row of this program; its number is said.
    """
    path = run / INTERVALS
    if not path.is_file():
        return []
    rows = []
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                rows.append(msgspec.json.decode(text, type=Interval))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}: line {number} is not a row of a run ({error})") from None
    return rows
