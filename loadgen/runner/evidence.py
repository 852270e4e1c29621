"""What the judge is given: the evidence for who was the limit, and the facts that doubts rest on."""

from typing import Any

from loadgen.properties import tls_verified
from loadgen.recorder.histogram import middle_of
from loadgen.recorder.slab import CODE_OFFSET, Count, Header, Metric, Slot
from loadgen.report import merge, validity
from loadgen.report.limit import LimitEvidence
from loadgen.report.result import Bytes, Latency, Steady
from loadgen.runner.circumstances import Circumstances
from loadgen.runner.conduct import Conducted
from loadgen.runner.figures import producer_words
from loadgen.runner.limits import bytes_ended
from loadgen.runner.plan import RunPlan


def evidence_of(
    plan: RunPlan,
    happened: Conducted,
    achieved: float | None,
    duration_s: float,
    latencies: Latency,
    volume: Bytes,
    around: Circumstances,
) -> LimitEvidence:
    producers_s = max(plan.producers * duration_s, 1e-9)
    whole_s = max(happened.intervals[-1].second if happened.intervals else duration_s, 1e-9)
    rtt = latencies.request_rtt
    filled = happened.measured.cells(Metric.REQUEST_RTT).nonzero()[0]
    steal = happened.steal
    busy, total = (steal[1][part] - steal[0][part] for part in (1, 2))
    window = int(
        plan.properties.get("max.in.flight.requests.per.connection", plan.properties.get("max.in.flight", "1000000"))
    )
    requests_per_s = volume.requests / duration_s if volume.requests and duration_s else None
    return LimitEvidence(
        mock=around.broker.kind == "mock",
        loop=plan.loop,
        achieved_ratio=achieved,
        duration_s=duration_s,
        busiest_thread_share=max(happened.thread_shares, default=0.0),
        queue_full_share=happened.measured.count(Count.BACKPRESSURE_US) / 1e6 / producers_s,
        throttle_share=sum(producer_words(happened, Slot.THROTTLE_MS_SUM)) / 1000 / (plan.producers * whole_s),
        lateness_p99_us=latencies.lateness.p99 if latencies.lateness else None,
        requests_per_s=requests_per_s,
        rtt_mean_us=rtt.mean if rtt else None,
        rtt_p50_us=rtt.p50 if rtt else None,
        rtt_least_us=middle_of(int(filled[0])) if len(filled) else None,
        connections=plan.producers * max(around.broker.brokers, 1),
        batch_bytes=happened.measured.count(Count.BATCH_BYTES) / volume.requests if volume.requests else None,
        window=window,
        host_busy_share=busy / total if total > 0 else None,
    )


def facts_of(
    plan: RunPlan,
    happened: Conducted,
    around: Circumstances,
    ledger: Any,
    duration_s: float,
    offered: float | None,
    achieved: float | None,
    limit: Any,
    reason: str,
    latencies: Latency,
    steady: Steady,
    due: int,
) -> validity.RunFacts:
    everything = happened.warmup.merged(happened.measured)
    acked_all, unknown_all = everything.count(Count.ACKED), everything.count(Count.UNKNOWN)
    delta = around.end_offset_delta
    lost_open = sum(merge.messages(part).open for pair in happened.by_worker for part in pair) if happened.lost else 0
    fatal = [int(member.slab.words[Header.FATAL_CODE]) for member in happened.members]
    return validity.RunFacts(
        kind=around.broker.kind,
        loop=plan.loop,
        warmup_s=plan.warmup_s,
        measured_s=duration_s,
        offered_per_s=offered,
        achieved_ratio=achieved,
        messages=ledger,
        warmup_messages=merge.messages(happened.warmup, around.names),
        worker_messages=[merge.messages(part) for pair in happened.by_worker for part in pair],
        lost_workers=happened.lost,
        limited_by=limit,
        limit_reason=reason,
        lateness=latencies.lateness,
        response=latencies.response,
        steady=steady,
        brokers=around.broker.brokers,
        replication_factor=around.broker.topic.replication_factor,
        instrument=plan.instrument,
        instrument_note=around.instrument_note,
        acks=plan.properties.get("acks", "-1"),
        callback_errors=sum(int(member.slab.words[Header.CALLBACK_ERRORS]) for member in happened.members),
        fatal=next((around.names.get(code - CODE_OFFSET, str(code - CODE_OFFSET)) for code in fatal if code), None),
        negative=happened.measured.count(Count.NEGATIVE) + (around.read.negative if around.read else 0),
        consumed_all=around.read.complete if around.read else None,
        overflow=sum(happened.measured.overflow(metric) for metric in Metric),
        unsent=max(due - ledger.attempted, 0) if plan.loop == "open" and happened.signal is None else 0,
        client_stall_us=max(int(member.slab.words[Header.CLIENT_STALL_US_MAX]) for member in happened.members),
        host_stall_us=happened.host_stall_us,
        bracket=None if delta is None else (acked_all, delta, acked_all + unknown_all + lost_open),
        signal=happened.signal,
        unreachable=around.unreachable,
        circuit=happened.circuit,
        tls_verified=tls_verified(plan.properties),
        ended=happened.ended or bytes_ended(around.settings, plan, everything.count(Count.ATTEMPTED)),
    )
