"""From what happened to result.json: sums told as numbers, evidence gathered, the judge asked. Nothing is measured here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from loadgen.consumer.beside import Told
from loadgen.profile import RunSettings
from loadgen.properties import redacted
from loadgen.recorder.histogram import middle_of
from loadgen.recorder.slab import CODE_OFFSET, Count, Header, Metric, Slot, producer_at
from loadgen.report import merge, validity
from loadgen.report.limit import LimitEvidence, limited_by
from loadgen.report.merge import Tally
from loadgen.report.result import (
    Breakdown,
    BrokerRecord,
    Bytes,
    ClientRecord,
    Cost,
    Delivered,
    Interval,
    Latency,
    MessagesBoth,
    PayloadFile,
    PlanRecord,
    RatePhase,
    Result,
    Steady,
    Throughput,
    Verdict,
    Verified,
    WorkerRecord,
)
from loadgen.runner import environment
from loadgen.runner.conduct import Conducted
from loadgen.runner.plan import RunPlan

GENERATOR = "1"  # the version of what makes events; another number means other bytes for the same seed
MIB = 1 << 20


@dataclass(frozen=True)
class Circumstances:
    """What surrounds a run and is not measured by it.

    Attributes:
        versions: of confluent_kafka and librdkafka.
        end_offset_delta: how far the topic's log grew; None when it could not be asked.
        names: librdkafka's error names by code.
        ceiling_per_s: what this host can send, None when it was never measured.
        verified: what reading everything back found, when it was asked.
        read: what consumer groups beside the run read.
    """

    run_id: str
    command: list[str]
    settings: RunSettings
    broker: BrokerRecord
    versions: tuple[str, str]
    instrument_note: str | None
    payload_file: PayloadFile | None
    environment: dict[str, Any]
    end_offset_delta: int | None
    names: dict[int, str]
    ceiling_per_s: float | None
    unreachable: str | None
    verified: Verified | None
    read: Told | None


def assemble(plan: RunPlan, happened: Conducted, around: Circumstances) -> Result:
    """The result of a run, judged."""
    measured, warmup = happened.measured, happened.warmup
    offered = _offered_per_s(plan)
    duration_s = _duration_s(plan, happened)
    acked = measured.count(Count.ACKED)
    acked_per_s = acked / duration_s if duration_s else 0.0
    ledger = merge.messages(measured, around.names)
    due = _due(plan)
    achieved = None if offered is None else (acked / due if due else 0.0)
    latencies = _latencies(plan, measured, around.read)
    volume = _bytes(plan, measured)
    steady = _steady(happened.intervals)
    evidence = _evidence(plan, happened, achieved, duration_s, latencies, volume, around)
    limit, reason = limited_by(evidence)
    facts = _facts(plan, happened, around, ledger, duration_s, offered, achieved, limit, reason, latencies, steady, due)
    found = validity.doubts(facts)
    cpu_us = _cpu_us(happened)
    result = Result(
        run_id=around.run_id,
        started_at=datetime.fromtimestamp(plan.events.start_epoch_us / 1e6, UTC).isoformat(timespec="milliseconds"),
        labels=around.settings.labels,
        command=around.command,
        plan=_plan_record(plan, happened, around, offered),
        client=_client_record(plan, happened, around),
        broker=around.broker,
        verdict=Verdict(
            headline="", exit_code=0, valid=True, limited_by=limit, limit_reason=reason, doubts=found, slo=[]
        ),
        messages=MessagesBoth(
            **{name: getattr(ledger, name) for name in ledger.__struct_fields__},
            warmup=merge.messages(warmup, around.names),
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
            cpu_us_per_message=cpu_us / acked if acked else None,
            worker_cpu_share=_worker_shares(happened),
            rss_mib_max=max(int(member.slab.words[Header.RSS_KIB_MAX]) for member in happened.members) / 1024,
            ceiling_per_s=around.ceiling_per_s,
            headroom=around.ceiling_per_s / acked_per_s if around.ceiling_per_s and acked_per_s else None,
        ),
        steady=steady,
        workers=_workers(happened, duration_s, around.names),
        delivered=Delivered(end_offset_delta=around.end_offset_delta, verified=around.verified),
        recovery=None,
        environment=environment.after(around.environment, *happened.steal),
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


def _offered_per_s(plan: RunPlan) -> float | None:
    """The mean total rate of the measured phase; None flat out."""
    if plan.loop == "closed":
        return None
    body = plan.pieces[1:] if plan.warmup_s else plan.pieces
    if any(piece.duration_s is None for piece in body):
        return body[0].from_per_s
    total_s = sum(piece.duration_s or 0.0 for piece in body)
    return sum((piece.from_per_s + piece.to_per_s) / 2 * (piece.duration_s or 0.0) for piece in body) / total_s


def _due(plan: RunPlan) -> int:
    """How many measured events the plan has; 0 flat out."""
    if plan.loop == "closed":
        return 0
    total = 0
    for producer in range(plan.producers):
        first, end = plan.limits_of(producer)
        total += (end or 0) - (first or 0)
    return total


def _duration_s(plan: RunPlan, happened: Conducted) -> float:
    """The measured phase, to its last acknowledgement; in open loop from the instant that its first event was due."""
    measured = happened.measured
    if not measured.last_ack_ns:
        return 0.0
    started_ns = measured.first_sent_ns
    if plan.loop == "open":
        started_ns = happened.t0_ns + plan.warmup_ns
        if plan.end_ns is not None and plan.count is None:
            # a kept plan is as long as it was asked to be; answers that come later lengthen it
            return max(plan.end_ns + happened.t0_ns, measured.last_ack_ns) / 1e9 - started_ns / 1e9
    return max((measured.last_ack_ns - started_ns) / 1e9, 1e-9)


def _latencies(plan: RunPlan, measured: Tally, read: Told | None) -> Latency:
    return Latency(
        service=merge.latency(measured, Metric.SERVICE),
        response=merge.latency(measured, Metric.RESPONSE) if plan.loop == "open" else None,
        lateness=merge.latency(measured, Metric.LATENESS) if plan.loop == "open" else None,
        request_rtt=merge.latency(measured, Metric.REQUEST_RTT),
        end_to_end=read.end_to_end if read is not None else None,
    )


def _bytes(plan: RunPlan, measured: Tally) -> Bytes:
    payload, wire = measured.count(Count.PAYLOAD_BYTES), measured.count(Count.WIRE_BYTES)
    requests, records = measured.count(Count.REQUESTS), measured.count(Count.REQUEST_RECORDS)
    if plan.instrument != "c" or not requests:
        return Bytes(
            payload=payload,
            wire=None,
            requests=None,
            messages_per_request=None,
            batch_fill_pct=None,
            compression_ratio=None,
        )
    batch_bytes = measured.count(Count.BATCH_BYTES)
    batch_size = int(plan.properties.get("batch.size", "1000000"))
    return Bytes(
        payload=payload,
        wire=wire,
        requests=requests,
        messages_per_request=records / requests,
        batch_fill_pct=100 * batch_bytes / requests / batch_size,
        compression_ratio=batch_bytes / wire if wire else None,
    )


def _steady(intervals: Sequence[Interval]) -> Steady:
    rows = [row for row in intervals if row.phase == "measured"][1:]  # the first row straddles the warm-up's end
    third = len(rows) // 3
    if third < 1:
        return Steady(first_third_per_s=None, last_third_per_s=None, drift_pct=None)

    def rate(part: Sequence[Interval]) -> float:
        return sum(row.acked for row in part) / sum(row.length_s for row in part)

    first, last = rate(rows[:third]), rate(rows[-third:])
    return Steady(
        first_third_per_s=first, last_third_per_s=last, drift_pct=100 * (last - first) / first if first else None
    )


def _cpu_us(happened: Conducted) -> float:
    """CPU of workers and coordinator in the measured phase, µs."""
    total = happened.coordinator_cpu_s * 1e6
    for member in happened.members:
        words = member.slab.words
        end = int(words[Header.CPU_NS_MEASURED_END]) or int(words[Header.CPU_NS])
        start = int(words[Header.CPU_NS_MEASURED_START])
        total += max(end - start, 0) / 1000 if start else 0.0
    return total


def _worker_shares(happened: Conducted) -> list[float]:
    """CPU of each worker over the measured phase, in cores."""
    shares = []
    for member in happened.members:
        words = member.slab.words
        cpu_ns = (int(words[Header.CPU_NS_MEASURED_END]) or int(words[Header.CPU_NS])) - int(
            words[Header.CPU_NS_MEASURED_START]
        )
        ended = int(words[Header.MEASURED_END_NS]) or int(words[Header.HEARTBEAT_NS])
        length_ns = ended - int(words[Header.MEASURED_START_NS])
        shares.append(cpu_ns / length_ns if length_ns > 0 and words[Header.MEASURED_START_NS] else 0.0)
    return shares


def _producer_words(happened: Conducted, slot: Slot) -> list[int]:
    """One word of every producer's header, by the producer's index."""
    return [
        int(member.slab.words[producer_at(place) + slot])
        for member in happened.members
        for place in range(member.producers)
    ]


def _evidence(
    plan: RunPlan,
    happened: Conducted,
    achieved: float | None,
    duration_s: float,
    latencies: Latency,
    volume: Bytes,
    around: Circumstances,
) -> LimitEvidence:
    producers_s = max(plan.producers * duration_s, 1e-9)
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
        throttle_share=sum(_producer_words(happened, Slot.THROTTLE_MS_SUM)) / 1000 / producers_s,
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


def _facts(
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
    )


def _plan_record(plan: RunPlan, happened: Conducted, around: Circumstances, offered: float | None) -> PlanRecord:
    events = plan.events
    raw = events.kind == "raw"
    return PlanRecord(
        loop=plan.loop,
        offered_per_s=offered,
        arrival=plan.arrival,
        phases=[RatePhase(piece.from_per_s, piece.to_per_s, piece.duration_s) for piece in plan.pieces],
        duration_s=plan.duration_s,
        warmup_s=plan.warmup_s,
        count=plan.count,
        workers=plan.workers,
        producers=plan.producers,
        per_producer_per_s=None if offered is None else offered / plan.producers,
        topic=plan.topic,
        partitions=plan.partitions,
        profile=around.settings.profile,
        events=f"{events.kind}:{events.function}" if events.function else events.kind,
        serializer=events.serializer,
        record_size=events.record_size if raw else None,
        entropy=events.entropy if raw else None,
        line_items=events.line_items,
        keys=events.keys,
        headers=plan.headers,
        payload_file=around.payload_file,
        seed=events.seed,
        generator=GENERATOR,
        run_token=events.run_token,
        start_ns=happened.t0_ns,
        start_epoch_us=events.start_epoch_us,
        pool_size=events.pool_size,
        first_measured=_producer_words(happened, Slot.FIRST_MEASURED),
        attempted=_producer_words(happened, Slot.NEXT_SEQUENCE),
    )


def _client_record(plan: RunPlan, happened: Conducted, around: Circumstances) -> ClientRecord:
    instrument: Literal["c", "python"] = plan.instrument
    gap = max(int(member.slab.words[Header.POLL_GAP_US_MAX]) for member in happened.members)
    return ClientRecord(
        properties=redacted(plan.properties),
        confluent_kafka=around.versions[0],
        librdkafka=around.versions[1],
        instrument=instrument,
        instrument_note=around.instrument_note,
        sender=plan.sender,
        poll_gap_us_max=gap if instrument == "python" else None,
    )


def _workers(happened: Conducted, duration_s: float, names: dict[int, str]) -> list[WorkerRecord]:
    return [
        WorkerRecord(
            index=member.index,
            pid=member.process.pid,
            messages=merge.messages(measured, names),
            acked_per_s=measured.count(Count.ACKED) / duration_s if duration_s else 0.0,
            exit=member.exit,
        )
        for member, (_, measured) in zip(happened.members, happened.by_worker, strict=True)
    ]
