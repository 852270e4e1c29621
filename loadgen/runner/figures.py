"""The numbers of a run, from its sums: how long it was, how fast, how late, how much, at what cost. Nothing is judged here."""

from collections.abc import Sequence

from loadgen.consumer.beside import Told
from loadgen.recorder.slab import Count, Header, Metric, Phase, Slot, producer_at
from loadgen.report import merge
from loadgen.report.merge import Tally
from loadgen.report.result import Bytes, Interval, Latency, Steady
from loadgen.runner.conduct import Conducted
from loadgen.runner.plan import RunPlan

UNENDING_S = 1e9  # a piece that only a count ends


def offered_per_s(plan: RunPlan) -> float | None:
    """The mean total rate of the measured phase; None flat out."""
    if plan.loop == "closed":
        return None
    body = plan.pieces[1:] if plan.warmup_s else plan.pieces
    if any(piece.duration_s is None for piece in body):
        return body[0].from_per_s
    total_s = sum(piece.duration_s or 0.0 for piece in body)
    return sum((piece.from_per_s + piece.to_per_s) / 2 * (piece.duration_s or 0.0) for piece in body) / total_s


def events_due(plan: RunPlan) -> int:
    """How many measured events the plan has; 0 flat out."""
    if plan.loop == "closed":
        return 0
    total = 0
    for producer in range(plan.producers):
        first, end = plan.limits_of(producer)
        total += (end or 0) - (first or 0)
    return total


def planned(plan: RunPlan) -> list[tuple[float, float]]:
    """(second from the start, events a second) as corners of a line; empty flat out."""
    corners: list[tuple[float, float]] = []
    at_s = 0.0
    for piece in plan.pieces:
        end_s = at_s + (UNENDING_S if piece.duration_s is None else piece.duration_s)
        corners += [(at_s, piece.from_per_s), (end_s, piece.to_per_s)]
        at_s = end_s
    return corners


def linger_s(plan: RunPlan) -> float:
    """How long the client gathers a batch."""
    return float(plan.properties.get("linger.ms", "5")) / 1000


def measured_s(plan: RunPlan, happened: Conducted) -> float:
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


def latencies_of(plan: RunPlan, measured: Tally, read: Told | None) -> Latency:
    return Latency(
        service=merge.latency(measured, Metric.SERVICE),
        response=merge.latency(measured, Metric.RESPONSE) if plan.loop == "open" else None,
        lateness=merge.latency(measured, Metric.LATENESS) if plan.loop == "open" else None,
        request_rtt=merge.latency(measured, Metric.REQUEST_RTT),
        end_to_end=read.end_to_end if read is not None else None,
    )


def volume_of(plan: RunPlan, measured: Tally) -> Bytes:
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


def steadiness(intervals: Sequence[Interval]) -> Steady:
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


def cpu_us(happened: Conducted) -> float:
    """CPU of workers and coordinator in the measured phase, µs."""
    total = happened.coordinator_cpu_s * 1e6
    for member in happened.members:
        words = member.slab.words
        end = int(words[Header.CPU_NS_MEASURED_END]) or int(words[Header.CPU_NS])
        start = int(words[Header.CPU_NS_MEASURED_START])
        total += max(end - start, 0) / 1000 if start else 0.0
    return total


def worker_shares(happened: Conducted) -> list[float]:
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


def producer_words(happened: Conducted, slot: Slot) -> list[int]:
    """One word of every producer's header, by the producer's index."""
    return [
        int(member.slab.words[producer_at(place) + slot])
        for member in happened.members
        for place in range(member.producers)
    ]


def lost_open(happened: Conducted, phase: Phase) -> int:
    """Records of a phase that workers which died left without an outcome: they may be in the log or not."""
    dead = {index for index, _ in happened.lost}
    return sum(
        max(merge.messages(tallies[phase]).open, 0)
        for member, tallies in zip(happened.members, happened.by_worker, strict=True)
        if member.index in dead
    )
