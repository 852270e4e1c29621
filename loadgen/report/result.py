"""result.json: every key of a run, typed, with its unit in the name.

`schema` says which of these a file is; adding a key is free, changing one needs a new number and a line in CHANGELOG.md.
A value that could not be taken is present and null. Not here: how values are made (`merge`, `validity`).
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadgen.errors import UsageError
from loadgen.recorder.histogram import Distribution
from loadgen.report.strict_json import decode

SCHEMA = "loadgen.result/1"
MAX_RESULT_BYTES = 4 << 20  # a result is some 20 KB; what is larger is not one of ours, and takes 100 MB to read

Loop = Literal["closed", "open"]
LimitedBy = Literal["plan", "generator", "client_settings", "broker", "quota", "unknown"]


class RatePhase(msgspec.Struct, frozen=True):
    """A piece of the schedule: the total rate runs from one value to the other, linearly; None: without an end."""

    from_per_s: float
    to_per_s: float
    duration_s: float | None


class PayloadFile(msgspec.Struct, frozen=True):
    """A payload file as it was when it was read."""

    path: str
    sha256: str
    format: str


class PlanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and enough to make every record again. Rates are totals over all producers."""

    loop: Loop
    offered_per_s: float | None
    arrival: str
    phases: list[RatePhase]
    duration_s: float | None
    warmup_s: float
    count: int | None
    workers: int
    producers: int
    per_producer_per_s: float | None
    topic: str
    partitions: int
    profile: str
    events: str
    serializer: str
    record_size: int | None
    entropy: float | None
    line_items: tuple[int, int]
    keys: str
    headers: list[tuple[str, str]]
    payload_file: PayloadFile | None
    seed: int
    generator: str
    run_token: str
    start_ns: int
    start_epoch_us: int
    pool_size: int
    first_measured: list[int]
    attempted: list[int]


class ClientRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The client as it was set; secrets redacted. `tls_verified` is None where there was no TLS."""

    properties: dict[str, str]
    confluent_kafka: str
    librdkafka: str
    instrument: Literal["c", "python"]
    instrument_note: str | None
    sender: Literal["native", "python"]
    poll_gap_us_max: int | None
    tls_verified: bool | None = None


class TopicRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The topic that was written to."""

    partitions: int
    replication_factor: int | None
    min_insync_replicas: int | None
    settings: dict[str, str]
    made: bool
    removed: bool


class BrokerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded."""

    kind: Literal["mock", "kafka", "redpanda", "external"]
    version: str | None
    cluster_id: str | None
    brokers: int
    topic: TopicRecord


class Doubt(msgspec.Struct, frozen=True):
    """A reason not to take a number at its face, with what would remove it."""

    code: str
    message: str
    remedy: str
    invalid: bool = False


class RuleOutcome(msgspec.Struct, frozen=True):
    """One --slo rule and what was measured; ok is None when it could not be."""

    rule: str
    value: float | None
    ok: bool | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What may be believed, and how the command ends."""

    headline: str
    exit_code: int
    valid: bool
    limited_by: LimitedBy
    limit_reason: str
    doubts: list[Doubt]
    slo: list[RuleOutcome]


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger: attempted == rejected + acked + failed + unknown + open. Unknown is counted, never the rest."""

    attempted: int = 0
    rejected: int = 0
    acked: int = 0
    failed: int = 0
    unknown: int = 0
    open: int = 0
    failed_ratio: float = 0.0
    errors: dict[str, int] = {}


class MessagesBoth(Messages, frozen=True, kw_only=True):
    """The measured phase, with the warm-up's ledger apart."""

    warmup: Messages


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """Volume of the measured phase. `wire` is what ProduceRequests weighed, every try."""

    payload: int
    wire: int | None
    requests: int | None
    messages_per_request: float | None
    batch_fill_pct: float | None
    compression_ratio: float | None


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Measured phase only, to its last acknowledgement."""

    acked_per_s: float
    achieved_ratio: float | None
    payload_mib_per_s: float
    wire_mib_per_s: float | None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The distributions, µs; None where a run has no such time."""

    service: Distribution | None = None
    response: Distribution | None = None
    lateness: Distribution | None = None
    request_rtt: Distribution | None = None
    end_to_end: Distribution | None = None


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Means of the parts of a latency, µs; percentiles of parts do not add."""

    n: int
    lateness: float
    client_queue: float
    network_and_broker: float


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a usual record went, and of the slowest hundredth."""

    usual: Parts | None = None
    slowest_1pct: Parts | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of workers and coordinator in the measured phase; start-up and report are not in it."""

    cpu_us_per_message: float | None
    worker_cpu_share: list[float]
    rss_mib_max: float
    ceiling_per_s: float | None
    headroom: float | None


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the rate held: the first third of the measured phase against the last."""

    first_third_per_s: float | None
    last_third_per_s: float | None
    drift_pct: float | None


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process.

    Attributes:
        exit: its code, negative for a signal.
        lost_after_s: when it was noticed that it had ended before it was done, from the run's start.
    """

    index: int
    pid: int
    messages: Messages
    acked_per_s: float
    exit: int | None
    lost_after_s: float | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What reading everything back found."""

    read: int
    lost: int
    duplicated: int
    reordered: int
    corrupted: int
    foreign: int


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The log's own word: how far its end offsets moved, all phases."""

    end_offset_delta: int | None = None
    verified: Verified | None = None


class Consumed(msgspec.Struct, frozen=True, kw_only=True):
    """What consumer groups beside the run read; their latencies are `latency_us.end_to_end`, all groups together.

    Attributes:
        read: records of the run by group, warm-up included.
        complete: every group read all that was acknowledged; until then the slowest records are missing.
        negative: differences below zero, recorded as 0.
        fetch_wait_ms: how long a broker that has nothing may hold a fetch.
    """

    read: list[int]
    complete: bool
    negative: int
    fetch_wait_ms: int


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """The worst disturbance that the run found by itself (`report/recovery.py`); seconds, `at_s` from the start.

    Attributes:
        longest_ack_gap_s: silence although records were owed; 0 when the rate only fell.
        regained_after_s: from `at_s` until a second at 95 % of the usual rate began; None: not before the end.
        lowest_ratio: of the usual rate, the worst second.
        disturbances: how many there were.
        lost, duplicated: by reading everything back; None when that was not asked.
    """

    longest_ack_gap_s: float
    at_s: float
    regained_after_s: float | None
    lowest_ratio: float = 0.0
    disturbances: int = 1
    lost: int | None = None
    duplicated: int | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A run, whole."""

    schema: str = SCHEMA
    run_id: str
    started_at: str
    labels: dict[str, str]
    command: list[str]
    plan: PlanRecord
    client: ClientRecord
    broker: BrokerRecord
    verdict: Verdict
    messages: MessagesBoth
    bytes: Bytes
    throughput: Throughput
    latency_us: Latency
    breakdown_us: Breakdown
    cost: Cost
    steady: Steady
    workers: list[WorkerRecord]
    delivered: Delivered
    recovery: Recovery | None
    environment: dict[str, Any]
    consumed: Consumed | None = None


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """One second of a run, one row of intervals.jsonl; latencies in µs, of the records answered in it."""

    second: float
    length_s: float
    phase: Literal["warmup", "measured", "drain"]
    attempted: int
    acked: int
    failed: int
    unknown: int
    rejected: int
    acked_per_s: float
    payload_mib_per_s: float
    p50_us: float | None
    p99_us: float | None
    max_us: float | None
    lateness_p99_us: float | None
    request_rtt_p50_us: float | None
    request_rtt_p99_us: float | None
    outstanding: int
    backpressure_us: int
    cpu_share: float | None


def encode(result: Result) -> bytes:
    """The result as indented JSON, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def read_result(path: Path) -> Result:
    """A stored result.

    Args:
        path: a result.json, or the run folder that holds one.

    Raises:
        UsageError: no such file, too large, not JSON, or not a result of a schema this program reads.
    """
    file = path / "result.json" if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_RESULT_BYTES:
            raise UsageError(f"{file}: {file.stat().st_size} bytes is no result; results are below {MAX_RESULT_BYTES}")
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); name a run folder or its result.json") from None
    try:
        result = decode(content, Result)
        datetime.fromisoformat(result.started_at)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"{file}: not a loadgen result ({error}); the run may be half-written or changed") from None
    if result.schema != SCHEMA:
        raise UsageError(f"{file}: schema {result.schema!r}; this program reads {SCHEMA}")
    return result
