"""Which records were acknowledged, kept through a run, and everything read back after it while the topic is still there."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadgen.profile import RunSettings
from loadgen.recorder.outcomes import NAME as OUTCOMES
from loadgen.recorder.outcomes import OutcomeRegions, read_outcomes, write_outcomes
from loadgen.report.merge import sequences
from loadgen.report.result import Result
from loadgen.runner.conduct import Conducted
from loadgen.runner.plan import RunPlan, share_producers
from loadgen.runner.target import Target
from loadgen.verify.against import verify_run
from loadgen.verify.verification import Mode, Verification

__all__ = ["OUTCOMES", "merged_outcomes", "outcome_regions", "read_back"]


def outcome_regions(plan: RunPlan) -> list[OutcomeRegions]:
    """Two bits a sequence for each producer, one file in memory a worker."""
    regions = []
    for first, count in share_producers(plan.producers, plan.workers):
        ends = [plan.limits_of(producer)[1] for producer in range(first, first + count)]
        known = [end for end in ends if end is not None]
        regions.append(OutcomeRegions.create(count, max(known) if len(known) == len(ends) else None))
    return regions


def merged_outcomes(kept: Sequence[OutcomeRegions], run_id: str, plan: RunPlan, happened: Conducted) -> bytes:
    """outcomes.bin of a run, as bytes."""
    cells = [
        regions.region(slot)
        for regions, member in zip(kept, happened.members, strict=True)
        for slot in range(member.producers)
    ]
    attempted = [sequences(member.words, slot)[0] for member in happened.members for slot in range(member.producers)]
    with tempfile.TemporaryDirectory(prefix="loadgen-outcomes-") as folder:
        path = Path(folder) / OUTCOMES
        write_outcomes(path, run_id, plan.events.run_token, cells, attempted)
        content = path.read_bytes()
    for cell in cells:
        cell.release()
    for regions in kept:
        regions.close()
    return content


def read_back(
    result: Result, outcomes: bytes | None, target: Target, settings: RunSettings, begin: list[int] | None
) -> Verification:
    """Everything that the run sent, read from the topic and compared.

    Args:
        outcomes: outcomes.bin.
        begin: where each partition's log stood before the run.
    """
    mode: Mode = "full" if settings.verify == "full" else "ids"
    known = None
    if outcomes is not None:
        with tempfile.TemporaryDirectory(prefix="loadgen-outcomes-") as folder:
            path = Path(folder) / OUTCOMES
            path.write_bytes(outcomes)
            known = read_outcomes(path, result.run_id)
    return verify_run(result, known, target.broker.bootstrap, settings.properties, mode, begin=begin)
