"""A stored run read back: its folder's result and outcomes, and verify.json written beside them."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from loadgen.errors import UsageError
from loadgen.recorder.outcomes import NAME, Outcomes, read_outcomes
from loadgen.report.result import Result, read_result
from loadgen.verify.against import verify_run
from loadgen.verify.verification import Mode, Verification

VERIFICATION = "verify.json"


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
        result, outcomes, bootstrap, {**result.client.properties, **properties}, mode, processes=processes
    )
    write_verification(run / VERIFICATION, found)
    return found


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
