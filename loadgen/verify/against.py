"""A run's topic read back and judged: `verify_run`.

settings → offsets of the topic now → readers, one process or several, each its own partitions → Checker → Verification

Several processes share nothing: each marks its own bits, and the bits meet at the end. An event that two of them saw is
a duplicate that lies in two partitions; it is counted, without an example, for nobody kept where it was.
"""

import os
import time
from collections.abc import Mapping, Sequence

from loadgen.consumer.reader import read_ranges
from loadgen.consumer.topic import TopicGone, topic_extent
from loadgen.errors import UsageError
from loadgen.recorder.outcomes import Outcomes
from loadgen.report.result import PlanRecord, Result, Verified
from loadgen.verify import crew
from loadgen.verify.checker import Checker
from loadgen.verify.remake import id_is_in_key
from loadgen.verify.verification import Mode, Verification, is_ok

RECORDS_A_PROCESS: dict[Mode, int] = {"ids": 1_000_000, "full": 100_000}  # below, a second is not worth its start
MAX_PROCESSES = 8

Ranges = Mapping[int, tuple[int, int]]


def verify_run(
    result: Result,
    outcomes: Outcomes | None,
    bootstrap: str,
    properties: Mapping[str, str],
    mode: Mode,
    *,
    begin: Sequence[int] | None = None,
    processes: int | None = None,
) -> Verification:
    """Read back everything a run sent.

    Args:
        result: of the run.
        outcomes: of the run; None only when its ledger says that everything was acknowledged.
        bootstrap, properties: of the cluster; a producer's properties will do.
        begin: the topic's end offsets before the run, by partition, when they are known: earlier records are skipped.
        processes: how many read; None: by the number of records and cores.

    Raises:
        UsageError: the topic is gone, the records have no id, or the outcomes are missing or another run's.
        Unreachable: the cluster does not answer or stops giving.
    """
    plan = result.plan
    id_is_in_key(plan)
    outcomes = _outcomes(result, outcomes)
    started = time.monotonic()
    extent = _extent(result, bootstrap, properties)
    ranges = {
        partition: (max(first, begin[partition]) if begin is not None and partition < len(begin) else first, end)
        for partition, (first, end) in extent.items()
    }
    offsets = sum(max(end - first, 0) for first, end in ranges.values())
    count = processes or _processes(offsets // RECORDS_A_PROCESS[mode], len(ranges))
    checker = Checker(plan, mode, max(ranges) + 1)
    if count == 1:
        for batch in read_ranges(bootstrap, plan.topic, ranges, properties):
            checker.feed(batch)
    else:
        crew.read_together(checker, count, mode, bootstrap, ranges, properties)
    settled = checker.settled(outcomes)
    verified = checker.verified(settled)
    elapsed_s = max(time.monotonic() - started, 1e-9)
    return Verification(
        run_id=result.run_id,
        topic=plan.topic,
        mode=mode,
        ok=is_ok(verified),
        verified=verified,
        acked=settled.acked,
        unknown_found=settled.unknown_found,
        failed_found=settled.failed_found,
        rejected_found=settled.rejected_found,
        offsets_without_record=offsets - checker.read,
        processes=count,
        elapsed_s=elapsed_s,
        read_per_s=checker.read / elapsed_s,
        notes=_notes(
            plan, result.broker.topic.settings.get("cleanup.policy", ""), extent, ranges, outcomes, verified, offsets
        ),
        examples=checker.all_examples(settled),
    )


def _outcomes(result: Result, outcomes: Outcomes | None) -> Outcomes:
    """The outcomes, checked against the plan; made from the ledger when it says that all was acknowledged."""
    attempted = result.plan.attempted
    if outcomes is None:
        both = (result.messages, result.messages.warmup)
        if sum(one.acked for one in both) != sum(attempted):
            raise UsageError(
                "the run kept no outcomes.bin and not everything was acknowledged, so which records must be there is "
                "not known; run with --verify or --keep-topic"
            )
        return Outcomes.all_acked(attempted)
    if [one.attempted for one in outcomes.producers] != attempted:
        raise UsageError(
            f"outcomes of {sum(one.attempted for one in outcomes.producers):,} records of {len(outcomes.producers)} "
            f"producers are not those of this run, which attempted {sum(attempted):,} with {len(attempted)}"
        )
    return outcomes


def _extent(result: Result, bootstrap: str, properties: Mapping[str, str]) -> Ranges:
    try:
        return topic_extent(bootstrap, result.plan.topic, properties)
    except TopicGone:
        why = "the run removed it at its end" if result.broker.topic.removed else "it was removed since"
        raise UsageError(
            f"topic {result.plan.topic} is not on {bootstrap}: {why}; to read back later, run with "
            "--keep-topic; to read back at once, with --verify"
        ) from None


def _processes(worth: int, partitions: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(worth, partitions, cores, MAX_PROCESSES))


def _notes(
    plan: PlanRecord,
    cleanup: str,
    extent: Ranges,
    ranges: Ranges,
    outcomes: Outcomes,
    verified: Verified,
    offsets: int,
) -> list[str]:
    """What limits the answer."""
    notes = []
    if "compact" in cleanup:
        notes.append(
            f"the topic is compacted (cleanup.policy={cleanup}): older records of a key are removed by the "
            "broker, and a lost one may be one of those"
        )
    gone = {partition: first for partition, (first, _) in extent.items() if first > 0 and ranges[partition][0] == first}
    if gone:
        notes.append(
            f"{len(gone)} partitions no longer begin at offset 0 (retention removed {sum(gone.values()):,} offsets): "
            "a lost record may be one of those"
        )
    if offsets > verified.read:
        notes.append(
            f"{offsets - verified.read:,} offsets hold no record: transaction markers, or removed by compaction"
        )
    beyond = sum(one.attempted - one.kept for one in outcomes.producers)
    if beyond:
        notes.append(f"the last {beyond:,} records have no noted outcome, so none of them can be called lost")
    if not verified.read:
        notes.append("the topic holds no records")
    if plan.headers:
        notes.append("headers are not compared")
    return notes
