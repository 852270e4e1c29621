"""Results made by hand: what the report has to be able to tell. Their numbers are invented and belong to no machine.

orders_run      open loop on three brokers, kept, C instrument
slo_missed      the same with a tail: a rule missed, a doubt, data verified
flat_out_mock   closed loop on the mock
with_nulls      the Python instrument, an unknown broker, nothing that could be null is there
not_valid       a worker was killed, records failed
"""

import msgspec
import numpy as np

from loadgen.recorder.histogram import CELLS, cell_of, describe
from loadgen.report.result import (
    Breakdown,
    BrokerRecord,
    Bytes,
    ClientRecord,
    Cost,
    Delivered,
    Doubt,
    Interval,
    Latency,
    Messages,
    MessagesBoth,
    Parts,
    PlanRecord,
    RatePhase,
    Result,
    RuleOutcome,
    Steady,
    Throughput,
    TopicRecord,
    Verdict,
    Verified,
    WorkerRecord,
)
from loadgen.report.stored import Run

STARTED_AT = "2026-11-23T20:30:11.000+00:00"
BALANCED = {
    "acks": "-1",
    "enable.idempotence": "true",
    "max.in.flight.requests.per.connection": "5",
    "linger.ms": "5",
    "batch.size": "131072",
    "compression.type": "snappy",
    "queue.buffering.max.messages": "100000",
    "queue.buffering.max.kbytes": "1048576",
    "sasl.password": "[redacted]",
}
MOCK = Doubt("mock_broker", "no Kafka was involved: this is what this machine's client can send", "--start kafka or -b")
DRIFT = Doubt("drift", "the rate drifted by -18 % from first to last third", "a longer --warmup and -d")
STALL = Doubt("host_stall", "this host stood still for 81 ms", "a quieter host; repeat")
UNSENT = Doubt("plan_unfinished", "1,200 events were due and never sent", "a lower -r or a longer -d")


def cells(median_us: float, sigma: float, n: int, *, tail_us: float = 0.0, seed: int = 7) -> list[int]:
    """Counts of a log-normal latency, with a two-hundredth of the values near `tail_us` when it is given."""
    values = np.random.default_rng(seed).lognormal(np.log(median_us), sigma, n)
    if tail_us:
        values[: n // 200] = tail_us * (0.8 + 0.4 * np.arange(n // 200) / (n // 200))
    counts = [0] * CELLS
    for value in values.astype(int):
        counts[cell_of(int(value))] += 1
    return counts


def distribution_of(counts):
    """What a result tells of counts."""
    filled = [(cell, count) for cell, count in enumerate(counts) if count]
    sums = sum((cell if cell < 2048 else _low(cell)) * count for cell, count in filled)
    return describe(counts, sums, _low(filled[-1][0]))


def _low(cell: int) -> int:
    shift = max((cell >> 10) - 1, 0)
    return (cell - (shift << 10)) << shift


def listed(histograms):
    """Counts by metric as plain lists, to be compared."""
    return {metric: [int(count) for count in counts] for metric, counts in histograms.items()}


HISTOGRAMS = {
    "response": cells(2_100, 0.35, 60_000),
    "service": cells(2_000, 0.35, 60_000),
    "lateness": cells(40, 0.5, 60_000),
    "request_rtt": cells(800, 0.3, 4_000),
}
HISTOGRAMS_WITH_TAIL = {
    "response": cells(2_100, 0.6, 60_000, tail_us=350_000),
    "service": cells(2_000, 0.6, 60_000, tail_us=340_000),
    "lateness": cells(40, 0.5, 60_000, tail_us=6_000),
    "request_rtt": cells(800, 0.5, 4_000, tail_us=330_000),
}
HISTOGRAMS_FLAT_OUT = {"service": cells(160_000, 0.1, 60_000), "request_rtt": cells(3_100, 0.4, 4_000)}


def latency_of(histograms) -> Latency:
    return Latency(**{name: distribution_of(counts) for name, counts in histograms.items()})


def _plan(**changes) -> PlanRecord:
    plan = PlanRecord(
        loop="open",
        offered_per_s=200_000.0,
        arrival="uniform",
        phases=[RatePhase(200_000.0, 200_000.0, 65.0)],
        duration_s=60.0,
        warmup_s=5.0,
        count=None,
        workers=4,
        producers=4,
        per_producer_per_s=50_000.0,
        topic="loadgen-7f3a",
        partitions=18,
        profile="balanced",
        events="stamped",
        serializer="msgspec",
        record_size=None,
        entropy=None,
        line_items=(1, 5),
        keys="order",
        headers=[],
        payload_file=None,
        seed=1,
        generator="1",
        run_token="7f3a0000",
        start_ns=0,
        start_epoch_us=1_795_465_811_000_000,
        pool_size=4096,
        first_measured=[250_000] * 4,
        attempted=[3_250_000] * 4,
    )
    return msgspec.structs.replace(plan, **changes)


def _messages(attempted: int, *, warmup: int = 1_000_000, **changes) -> MessagesBoth:
    ledger = {"attempted": attempted, "acked": attempted} | changes
    bad = sum(ledger.get(name, 0) for name in ("rejected", "failed", "unknown"))
    return MessagesBoth(**ledger, failed_ratio=bad / attempted, warmup=Messages(attempted=warmup, acked=warmup))


def _workers(count: int, acked: int, seconds: float, exits: list[int] | None = None) -> list[WorkerRecord]:
    each = acked // count
    return [
        WorkerRecord(
            index=index,
            pid=4_000 + index,
            messages=Messages(attempted=each, acked=each),
            acked_per_s=each / seconds,
            exit=exits[index] if exits else 0,
        )
        for index in range(count)
    ]


ENVIRONMENT = {
    "loadgen": "0.1.0",
    "host": "bench-1",
    "os": "Linux-6.8-x86_64",
    "kernel": "6.8.0",
    "machine": "x86_64",
    "cpu_model": "AMD EPYC 7763 64-Core Processor",
    "cores": 8,
    "python": "3.11.7",
    "governor": "performance",
    "clocksource": "tsc",
    "load_before": [0.1, 0.2, 0.1],
    "load_after": [3.9, 1.2, 0.5],
    "steal_pct": 0.02,
    "cgroup_limits": {"cpu_max": None, "memory_max": None},
    "git_commit": None,
}


def orders_run() -> Result:
    return Result(
        run_id="7f3a",
        started_at=STARTED_AT,
        labels={"branch": "main"},
        command=["loadgen", "run", "-b", "redpanda-0:9092", "-r", "200k/s", "-d", "60s"],
        plan=_plan(),
        client=ClientRecord(
            properties=BALANCED,
            confluent_kafka="2.16.1",
            librdkafka="2.16.0",
            instrument="c",
            instrument_note=None,
            sender="native",
            poll_gap_us_max=None,
        ),
        broker=BrokerRecord(
            kind="redpanda",
            version="26.2",
            cluster_id="redpanda.0f3c",
            brokers=3,
            topic=TopicRecord(
                partitions=18, replication_factor=3, min_insync_replicas=2, settings={}, made=True, removed=True
            ),
        ),
        verdict=Verdict(
            headline="199,995 msg/s as asked",
            exit_code=0,
            valid=True,
            limited_by="plan",
            limit_reason="the plan was kept (100.0% of it)",
            doubts=[],
            slo=[
                RuleOutcome("messages.failed_ratio<0.0001", 0.0, True),
                RuleOutcome("throughput.achieved_ratio>=0.99", 1.0, True),
            ],
        ),
        messages=_messages(12_000_000),
        bytes=Bytes(
            payload=6_144_000_000,
            wire=2_447_000_000,
            requests=123_711,
            messages_per_request=97.0,
            batch_fill_pct=16.0,
            compression_ratio=2.51,
        ),
        throughput=Throughput(acked_per_s=199_995.0, achieved_ratio=1.0, payload_mib_per_s=97.65, wire_mib_per_s=38.9),
        latency_us=latency_of(HISTOGRAMS),
        breakdown_us=Breakdown(
            usual=Parts(n=12_000_000, lateness=40.0, client_queue=1_200.0, network_and_broker=800.0),
            slowest_1pct=Parts(n=120_000, lateness=150.0, client_queue=1_900.0, network_and_broker=2_700.0),
        ),
        cost=Cost(
            cpu_us_per_message=2.2,
            worker_cpu_share=[0.43, 0.44, 0.44, 0.45],
            rss_mib_max=148.0,
            ceiling_per_s=618_000.0,
            headroom=3.09,
        ),
        steady=Steady(first_third_per_s=200_001.0, last_third_per_s=199_990.0, drift_pct=-0.0055),
        workers=_workers(4, 12_000_000, 60.0),
        delivered=Delivered(end_offset_delta=13_000_000),
        recovery=None,
        environment=ENVIRONMENT,
    )


def slo_missed() -> Result:
    run = orders_run()
    latency = latency_of(HISTOGRAMS_WITH_TAIL)
    return msgspec.structs.replace(
        run,
        run_id="9c01",
        verdict=msgspec.structs.replace(
            run.verdict,
            headline="SLO MISSED  response.p99.9<25ms",
            exit_code=99,
            doubts=[
                DRIFT,
                STALL,
                UNSENT,
                Doubt("negative_times", "3 differences below zero, counted as 0", "report it"),
            ],
            slo=[
                RuleOutcome("response.p99.9<25ms", latency.response.p99_9, False),
                RuleOutcome("response.p50<25ms", latency.response.p50, True),
                *run.verdict.slo,
            ],
        ),
        latency_us=latency,
        breakdown_us=Breakdown(
            usual=Parts(n=12_000_000, lateness=40.0, client_queue=1_200.0, network_and_broker=800.0),
            slowest_1pct=Parts(n=120_000, lateness=3_400.0, client_queue=7_700.0, network_and_broker=96_000.0),
        ),
        delivered=Delivered(
            end_offset_delta=13_000_000,
            verified=Verified(read=13_000_000, lost=0, duplicated=0, reordered=0, corrupted=0, foreign=0),
        ),
    )


def flat_out_mock() -> Result:
    run = orders_run()
    return msgspec.structs.replace(
        run,
        run_id="m0c4",
        labels={},
        command=["loadgen", "run", "--start", "mock", "-d", "5s", "-w", "2"],
        plan=_plan(
            loop="closed",
            offered_per_s=None,
            phases=[],
            duration_s=5.0,
            warmup_s=2.0,
            workers=2,
            producers=2,
            per_producer_per_s=None,
            topic="loadgen-m0c4",
            partitions=6,
            first_measured=[600_000] * 2,
            attempted=[2_130_000] * 2,
        ),
        broker=BrokerRecord(
            kind="mock",
            version="librdkafka 2.16.0",
            cluster_id=None,
            brokers=1,
            topic=TopicRecord(
                partitions=6, replication_factor=1, min_insync_replicas=None, settings={}, made=True, removed=False
            ),
        ),
        verdict=Verdict(
            headline="at least 612,000 msg/s; this host was the limit",
            exit_code=0,
            valid=True,
            limited_by="generator",
            limit_reason="a sending thread used 97% of its core",
            doubts=[MOCK],
            slo=[RuleOutcome("messages.failed_ratio<0.0001", 0.0, True)],
        ),
        messages=_messages(3_060_000, warmup=1_200_000),
        bytes=Bytes(
            payload=1_566_720_000,
            wire=640_000_000,
            requests=12_750,
            messages_per_request=240.0,
            batch_fill_pct=93.8,
            compression_ratio=2.45,
        ),
        throughput=Throughput(
            acked_per_s=612_000.0, achieved_ratio=None, payload_mib_per_s=298.8, wire_mib_per_s=122.1
        ),
        latency_us=latency_of(HISTOGRAMS_FLAT_OUT),
        breakdown_us=Breakdown(
            usual=Parts(n=3_060_000, lateness=0.0, client_queue=157_000.0, network_and_broker=3_200.0),
            slowest_1pct=Parts(n=30_600, lateness=0.0, client_queue=190_000.0, network_and_broker=6_000.0),
        ),
        cost=Cost(
            cpu_us_per_message=1.9, worker_cpu_share=[1.21, 1.2], rss_mib_max=162.0, ceiling_per_s=None, headroom=None
        ),
        steady=Steady(first_third_per_s=611_000.0, last_third_per_s=613_000.0, drift_pct=0.33),
        workers=_workers(2, 3_060_000, 5.0),
        delivered=Delivered(),
    )


def with_nulls() -> Result:
    run = orders_run()
    latency = latency_of({"response": cells(2_100, 0.35, 300), "service": cells(2_000, 0.35, 300)})
    return msgspec.structs.replace(
        run,
        run_id="0000",
        labels={},
        plan=_plan(
            offered_per_s=100.0,
            phases=[RatePhase(100.0, 100.0, None)],
            per_producer_per_s=100.0,
            duration_s=None,
            count=300,
            warmup_s=0.0,
            workers=1,
            producers=1,
            events="raw",
            serializer="none",
            record_size=512,
            entropy=0.5,
            keys="none",
            profile="librdkafka",
        ),
        client=msgspec.structs.replace(
            run.client,
            properties={},
            instrument="python",
            instrument_note="timed by delivery callbacks: a latency can be too long by the time between two polls",
            sender="python",
            poll_gap_us_max=12_300,
        ),
        broker=BrokerRecord(
            kind="external",
            version=None,
            cluster_id=None,
            brokers=1,
            topic=TopicRecord(
                partitions=1, replication_factor=None, min_insync_replicas=None, settings={}, made=False, removed=False
            ),
        ),
        verdict=Verdict(
            headline="100 msg/s as asked",
            exit_code=0,
            valid=True,
            limited_by="unknown",
            limit_reason="no single cause stands out",
            doubts=[
                Doubt(
                    "instrument",
                    "timed by delivery callbacks: a latency can be too long by the time between two polls",
                    "--instrument c needs the compiled extension",
                )
            ],
            slo=[],
        ),
        messages=_messages(300, warmup=0),
        bytes=Bytes(
            payload=153_600,
            wire=None,
            requests=None,
            messages_per_request=None,
            batch_fill_pct=None,
            compression_ratio=None,
        ),
        throughput=Throughput(acked_per_s=100.0, achieved_ratio=1.0, payload_mib_per_s=0.0488, wire_mib_per_s=None),
        latency_us=latency,
        breakdown_us=Breakdown(),
        cost=Cost(cpu_us_per_message=None, worker_cpu_share=[], rss_mib_max=61.0, ceiling_per_s=None, headroom=None),
        steady=Steady(first_third_per_s=None, last_third_per_s=None, drift_pct=None),
        workers=_workers(1, 300, 3.0),
        delivered=Delivered(),
        environment={},
    )


def not_valid() -> Result:
    run = orders_run()
    return msgspec.structs.replace(
        run,
        run_id="dead",
        verdict=Verdict(
            headline="NOT VALID  the run's own numbers say that they cannot be used",
            exit_code=5,
            valid=False,
            limited_by="unknown",
            limit_reason="no single cause stands out",
            doubts=[
                Doubt(
                    "worker_lost",
                    "worker 2 was killed before the end",
                    "repeat; what it had counted is in the ledger",
                    invalid=True,
                ),
                DRIFT,
            ],
            slo=[RuleOutcome("messages.failed_ratio<0.0001", 0.0017, False)],
        ),
        messages=_messages(
            9_000_000,
            acked=8_985_000,
            failed=12_000,
            unknown=3_000,
            errors={"_MSG_TIMED_OUT": 9_000, "_TRANSPORT": 3_000},
        ),
        workers=_workers(4, 9_000_000, 60.0, [0, 0, -9, 0]),
        delivered=Delivered(end_offset_delta=9_987_000),
    )


SAMPLES = {
    "orders_run": orders_run,
    "slo_missed": slo_missed,
    "flat_out_mock": flat_out_mock,
    "with_nulls": with_nulls,
    "not_valid": not_valid,
}


def intervals(result: Result) -> list[Interval]:
    """Rows of a run: its warm-up, the measured phase with a stall in the middle, one row of the drain."""
    measured_s = max(3, round(result.plan.duration_s or 3))
    rng = np.random.default_rng(3)
    per_s = result.throughput.acked_per_s
    rows = []
    for second in range(1, int(result.plan.warmup_s) + measured_s + 2):
        phase = "warmup" if second <= result.plan.warmup_s else "measured"
        if second > result.plan.warmup_s + measured_s:
            phase = "drain"
        acked = int(per_s * rng.normal(1.0, 0.01)) if phase != "drain" else 0
        stalled = second == int(result.plan.warmup_s) + measured_s // 2
        base = 350_000.0 if stalled else 2_100.0 * rng.normal(1.0, 0.05)
        rows.append(
            Interval(
                second=float(second),
                length_s=1.0,
                phase=phase,
                attempted=acked,
                acked=int(acked * (0.6 if stalled else 1.0)),
                failed=0,
                unknown=0,
                rejected=0,
                acked_per_s=acked * (0.6 if stalled else 1.0),
                payload_mib_per_s=acked * 512 / (1 << 20),
                p50_us=None if phase == "drain" else base,
                p99_us=None if phase == "drain" else base * 2.1,
                max_us=None if phase == "drain" else base * 3,
                lateness_p99_us=None if phase == "drain" else 120.0,
                request_rtt_p50_us=None if phase == "drain" else 800.0,
                request_rtt_p99_us=None if phase == "drain" else 1_700.0,
                outstanding=0 if phase == "drain" else 420,
                backpressure_us=0,
                cpu_share=1.76,
            )
        )
    return rows


COUNTS = {
    "orders_run": HISTOGRAMS,
    "slo_missed": HISTOGRAMS_WITH_TAIL,
    "flat_out_mock": HISTOGRAMS_FLAT_OUT,
    "with_nulls": {"response": HISTOGRAMS["response"], "service": HISTOGRAMS["service"]},
    "not_valid": HISTOGRAMS,
}


def run_of(name: str) -> Run:
    """A sample with its rows and histograms."""
    result = SAMPLES[name]()
    return Run(name=name, result=result, intervals=intervals(result), histograms=COUNTS[name])
