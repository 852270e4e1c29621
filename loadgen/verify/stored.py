"""A stored run read back: its folder's result and outcomes, and verify.json written beside them."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from loadgen.consumer.settings import REDACTED
from loadgen.errors import UsageError
from loadgen.properties import overlaid, problems_in
from loadgen.recorder.outcomes import NAME, Outcomes, read_outcomes
from loadgen.report.result import PlanRecord, Result, read_result
from loadgen.verify.against import verify_run
from loadgen.verify.verification import Mode, Verification

VERIFICATION = "verify.json"
MAX_ATTEMPTED = 10**10  # a bit each while verifying: 1.25 GB


def run_and_outcomes(run: Path) -> tuple[Result, Outcomes | None]:
    """A run's result and its outcomes, None when it kept none.

    Raises:
        UsageError: the folder is half-written, or the outcomes are another run's.
    """
    if not run.is_dir():
        raise UsageError(f"{run}: no such run folder")
    if run.name.startswith(".partial-"):
        raise UsageError(f"{run}: a run that was ended while it was being saved; it is not whole")
    result = read_result(run)
    check_plan(result.plan, run)
    file = run / NAME
    return result, read_outcomes(file, result.run_id) if file.exists() else None


def verify_folder(
    run: Path, bootstrap: str, properties: Mapping[str, str], mode: Mode, *, processes: int | None = None
) -> Verification:
    """Read back a stored run and write verify.json into its folder; nothing else there is touched.

    Args:
        properties: on top of the run's own, whose secrets were not stored.

    Raises:
        UsageError, Unreachable: as `verify_run`; or the folder cannot be written.
    """
    result, outcomes = run_and_outcomes(run)
    found = verify_run(
        result,
        outcomes,
        bootstrap,
        overlaid(stored_properties(result, run), properties),
        mode,
        processes=processes,
    )
    write_verification(run / VERIFICATION, found)
    return found


def check_plan(plan: PlanRecord, run: Path) -> None:
    """Whether a stored plan is one that this program carries out: a hostile one would have its events fill the memory.

    Raises:
        UsageError: everything that is out of bounds.
    """
    counts = {
        "producers": (plan.producers, 1, 4_096),
        "partitions": (plan.partitions, 1, 100_000),
        "pool_size": (plan.pool_size, 1, 1_000_000),
        "record_size": (plan.record_size or 0, 0, 1 << 30),
        "line_items": (max(plan.line_items), 1, 1_000),
        "attempted": (sum(plan.attempted), 0, MAX_ATTEMPTED),
        "attempted, the least": (min(plan.attempted, default=0), 0, MAX_ATTEMPTED),
        "attempted, its length": (len(plan.attempted), plan.producers, plan.producers),
        "record_size × pool_size": ((plan.record_size or 0) * plan.pool_size, 0, 1 << 34),
    }
    file = run / "result.json"
    problems = [
        f"{file}: plan.{name} {value:,} is not within {low:,} … {high:,}; the file was changed"
        for name, (value, low, high) in counts.items()
        if not low <= value <= high
    ]
    if not re.fullmatch(r"[0-9a-f]{8}", plan.run_token):
        problems.append(f"{file}: plan.run_token is not eight hex digits; the file was changed")
    if problems:
        raise UsageError(*problems)


def stored_properties(result: Result, run: Path) -> dict[str, str]:
    """The client properties of a stored run that may be used again: the file may be somebody else's, and hostile.

    Raises:
        UsageError: one could run code, or would have the client trust whoever answers.
    """
    kept = {name: value for name, value in result.client.properties.items() if value != REDACTED}
    origin = f"{run / 'result.json'}"
    problems = problems_in({name: (value, origin) for name, value in kept.items()})
    if refused := [problem for problem in problems if problem.startswith("refused:")]:
        raise UsageError(*refused)
    return kept


def write_verification(path: Path, found: Verification) -> None:
    """Write it whole or not at all: under another name, synced, renamed."""
    partial = path.parent / f".partial-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with partial.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); what was found: {found.verified}") from None
    finally:
        partial.unlink(missing_ok=True)
