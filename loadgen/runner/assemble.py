"""From what happened to result.json: sums told as numbers, evidence gathered, the judge asked. Nothing is measured here."""

from datetime import UTC, datetime

import msgspec

from loadgen.profile import RunSettings
from loadgen.recorder.slab import Count, Header, Phase
from loadgen.report import merge, validity
from loadgen.report.limit import limited_by
from loadgen.report.recovery import recovery_of
from loadgen.report.result import (
    Breakdown,
    Cost,
    Delivered,
    MessagesBoth,
    Result,
    Throughput,
    Verdict,
    Verified,
)
from loadgen.runner import environment
from loadgen.runner.circumstances import Circumstances
from loadgen.runner.conduct import Conducted
from loadgen.runner.evidence import evidence_of, facts_of
from loadgen.runner.figures import (
    cpu_us,
    events_due,
    latencies_of,
    linger_s,
    lost_open,
    measured_s,
    offered_per_s,
    planned,
    steadiness,
    volume_of,
    worker_shares,
)
from loadgen.runner.plan import RunPlan
from loadgen.runner.records import client_record, consumed_record, plan_record, worker_records

MIB = 1 << 20


def assemble(plan: RunPlan, happened: Conducted, around: Circumstances) -> Result:
    """The result of a run, judged."""
    measured, warmup = happened.measured, happened.warmup
    offered = offered_per_s(plan)
    duration_s = measured_s(plan, happened)
    acked = measured.count(Count.ACKED)
    acked_per_s = acked / duration_s if duration_s else 0.0
    ledger = merge.messages(measured, around.names, lost_open(happened, Phase.MEASURED))
    due = events_due(plan)
    achieved = None if offered is None else (acked / due if due else 0.0)
    latencies = latencies_of(plan, measured, around.read)
    volume = volume_of(plan, measured)
    steady = steadiness(happened.intervals)
    evidence = evidence_of(plan, happened, achieved, duration_s, latencies, volume, around)
    limit, reason = limited_by(evidence)
    facts = facts_of(
        plan, happened, around, ledger, duration_s, offered, achieved, limit, reason, latencies, steady, due
    )
    found = validity.doubts(facts)
    spent_us = cpu_us(happened)
    result = Result(
        run_id=around.run_id,
        started_at=datetime.fromtimestamp(plan.events.start_epoch_us / 1e6, UTC).isoformat(timespec="milliseconds"),
        labels=around.settings.labels,
        command=around.command,
        plan=plan_record(plan, happened, around, offered),
        client=client_record(plan, happened, around),
        broker=around.broker,
        verdict=Verdict(
            headline="", exit_code=0, valid=True, limited_by=limit, limit_reason=reason, doubts=found, slo=[]
        ),
        messages=MessagesBoth(
            **{name: getattr(ledger, name) for name in ledger.__struct_fields__},
            warmup=merge.messages(warmup, around.names, lost_open(happened, Phase.WARMUP)),
        ),
        bytes=volume,
        throughput=Throughput(
            acked_per_s=acked_per_s,
            achieved_ratio=achieved,
            payload_mib_per_s=volume.payload / duration_s / MIB if duration_s else 0.0,
            wire_mib_per_s=None if volume.wire is None or not duration_s else volume.wire / duration_s / MIB,
        ),
        latency_us=latencies,
        breakdown_us=merge.breakdown(measured) if plan.instrument == "c" else Breakdown(),
        cost=Cost(
            cpu_us_per_message=spent_us / acked if acked else None,
            worker_cpu_share=worker_shares(happened),
            rss_mib_max=max(int(member.slab.words[Header.RSS_KIB_MAX]) for member in happened.members) / 1024,
            ceiling_per_s=around.ceiling_per_s,
            headroom=around.ceiling_per_s / acked_per_s if around.ceiling_per_s and acked_per_s else None,
        ),
        steady=steady,
        workers=worker_records(happened, duration_s, around.names),
        delivered=Delivered(end_offset_delta=around.end_offset_delta, verified=around.verified),
        recovery=recovery_of(happened.looks, happened.t0_ns, planned(plan), linger_s(plan), around.verified),
        consumed=consumed_record(around.read),
        environment={
            **environment.after(around.environment, *happened.steal),
            "control_sleep_late_p99_us": happened.control_p99_us,
        },
    )
    return judged(result, facts, around.settings, data_wrong=_wrong(around.verified))


def _wrong(found: Verified | None) -> bool:
    """Whether reading back found anything that must not be; foreign records are not ours to judge."""
    return found is not None and bool(found.lost or found.duplicated or found.reordered or found.corrupted)


def judged(result: Result, facts: validity.RunFacts, settings: RunSettings, *, data_wrong: bool = False) -> Result:
    """The result with rules, exit code and headline."""
    plain = msgspec.to_builtins(result)
    slo = validity.outcomes(settings.slo, plain, with_rate=facts.offered_per_s is not None)
    code = validity.exit_code(facts, result.verdict.doubts, slo, data_wrong=data_wrong)
    valid = not any(doubt.invalid for doubt in result.verdict.doubts)
    verdict = msgspec.structs.replace(
        result.verdict,
        headline=validity.headline(facts, result.throughput.acked_per_s, slo, valid=valid),
        exit_code=code,
        valid=valid,
        slo=slo,
    )
    return msgspec.structs.replace(result, verdict=verdict)
