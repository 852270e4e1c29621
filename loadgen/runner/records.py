"""What result.json says of the plan, the client and the workers: enough to make every record again."""

from typing import Literal

from loadgen.consumer.beside import Told
from loadgen.consumer.settings import FETCH_WAIT_MS
from loadgen.events.generator import VERSION as GENERATOR
from loadgen.properties import redacted, tls_verified
from loadgen.recorder.slab import Count, Header
from loadgen.report import merge
from loadgen.report.result import ClientRecord, Consumed, PlanRecord, RatePhase, WorkerRecord
from loadgen.runner.circumstances import Circumstances
from loadgen.runner.conduct import Conducted
from loadgen.runner.plan import RunPlan


def plan_record(plan: RunPlan, happened: Conducted, around: Circumstances, offered: float | None) -> PlanRecord:
    events = plan.events
    raw = events.kind == "raw"
    ranges = [merge.sequences(member.words, slot) for member in happened.members for slot in range(member.producers)]
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
        first_measured=[first for _, first in ranges],
        attempted=[attempted for attempted, _ in ranges],
    )


def client_record(plan: RunPlan, happened: Conducted, around: Circumstances) -> ClientRecord:
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
        tls_verified=tls_verified(plan.properties),
    )


def worker_records(happened: Conducted, duration_s: float, names: dict[int, str]) -> list[WorkerRecord]:
    return [
        WorkerRecord(
            index=member.index,
            pid=member.process.pid,
            messages=merge.messages(measured, names, max(merge.messages(measured).open, 0) if member.lost else 0),
            acked_per_s=measured.count(Count.ACKED) / duration_s if duration_s else 0.0,
            exit=member.exit,
            lost_after_s=(happened.lost_ns - happened.t0_ns) / 1e9 if member.lost and happened.lost_ns else None,
        )
        for member, (_, measured) in zip(happened.members, happened.by_worker, strict=True)
    ]


def consumed_record(read: Told | None) -> Consumed | None:
    if read is None:
        return None
    return Consumed(read=read.read, complete=read.complete, negative=read.negative, fetch_wait_ms=FETCH_WAIT_MS)
