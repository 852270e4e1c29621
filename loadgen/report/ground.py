"""What a number was measured on, in words: rate, cluster, load, client, machine.

Read by the summary, the page and the pictures, so that they cannot disagree. Pure.
"""

from loadgen.report import wording
from loadgen.report.result import Result
from loadgen.report.wording import clean, counted, labelled, milliseconds, per_second

_PRODUCTS = {"mock": "mock cluster", "kafka": "Apache Kafka", "redpanda": "Redpanda", "external": "cluster"}


def ground(result: Result) -> list[str]:
    """Four lines: the number with its length and volume, the cluster, the load, the client."""
    return [
        rate(result),
        *labelled("cluster", cluster(result)),
        *labelled("load", load(result)),
        *labelled("client", client(result)),
    ]


def setting(result: Result, name: str, *aliases: str) -> str | None:
    """A client property by its name or an alias, cleaned; None when the run left it to the client."""
    for key in (name, *aliases):
        if key in result.client.properties:
            return clean(result.client.properties[key])
    return None


def whole(text: str | None) -> int | None:
    """A property that is a whole number; None when it is not set or not one."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def measured_s(result: Result) -> float | None:
    """The length of the measured phase, to its last acknowledgement; None when nothing was acknowledged."""
    per_s = result.throughput.acked_per_s
    return result.messages.acked / per_s if per_s > 0 and result.messages.acked else None


def rate(result: Result) -> str:
    """`200,000 msg/s asked, 199,995 acknowledged for 60 s (after 5 s of warm-up); 97.7 MiB/s, 38.9 on the wire`."""
    plan, throughput = result.plan, result.throughput
    length = measured_s(result)
    lasted = "" if length is None else f" for {wording.seconds(length)}"
    warmup = f" (after {wording.seconds(plan.warmup_s)} of warm-up)" if plan.warmup_s else ""
    wire = "" if throughput.wire_mib_per_s is None else f", {wording.mebibytes(throughput.wire_mib_per_s)} on the wire"
    volume = f"{wording.mebibytes(throughput.payload_mib_per_s)} MiB/s{wire}"
    acked = per_second(throughput.acked_per_s)
    if plan.offered_per_s is None:
        return f"{acked} msg/s acknowledged flat out{lasted}{warmup}; {volume}"
    mean = " on average" if _changes_rate(result) else ""
    return f"{per_second(plan.offered_per_s)} msg/s asked{mean}, {acked} acknowledged{lasted}{warmup}; {volume}"


def _changes_rate(result: Result) -> bool:
    """Whether the measured phase ramps or steps; the first piece is the warm-up when there is one."""
    body = result.plan.phases[1:] if result.plan.warmup_s else result.plan.phases
    return len({end for phase in body for end in (phase.from_per_s, phase.to_per_s)}) > 1


def broker(result: Result) -> str:
    """`Redpanda 26.2, 3 brokers`."""
    record = result.broker
    product = _PRODUCTS[record.kind]
    version = clean(record.version or ("of librdkafka" if record.kind == "mock" else "of unknown version"))
    named = version if version.lower().startswith(product.lower()) else f"{product} {version}"
    return f"{named}, {counted('broker', record.brokers)}"


def cluster(result: Result) -> str:
    """`Redpanda 26.2, 3 brokers; topic loadgen-7f3a 18 partitions RF 3 min ISR 2 (made, removed)`."""
    topic = result.broker.topic
    parts = [f"topic {clean(result.plan.topic)}", counted("partition", topic.partitions)]
    if topic.replication_factor is not None:
        parts.append(f"RF {topic.replication_factor}")
    if topic.min_insync_replicas is not None:
        parts.append(f"min ISR {topic.min_insync_replicas}")
    fate = ", ".join(word for word, true in (("made", topic.made), ("removed", topic.removed)) if true)
    return f"{broker(result)}; {' '.join(parts)}{f' ({fate})' if fate else ''}"


def load(result: Result) -> str:
    """`orders 512 B stamped, key order_id; 4 workers, 4 producers of 50,000/s`."""
    plan = result.plan
    keys = {"order": "key order_id", "none": "no key"}.get(plan.keys, f"keys {clean(plan.keys)}")
    each = "" if plan.per_producer_per_s is None else f" of {per_second(plan.per_producer_per_s)}/s"
    arrival = ", Poisson arrivals" if plan.arrival == "poisson" else ""
    processes = f"{counted('worker', plan.workers)}, {counted('producer', plan.producers)}{each}"
    return f"{_events(result)}, {keys}; {processes}{arrival}"


def _events(result: Result) -> str:
    plan = result.plan
    mean = f" {result.bytes.payload / result.messages.acked:,.0f} B" if result.messages.acked else ""
    if plan.payload_file is not None:
        return f"records of {clean(plan.payload_file.path)}{mean}"
    if plan.record_size is not None:
        entropy = "" if plan.entropy is None else f" of entropy {plan.entropy:g}"
        return f"raw records {plan.record_size:,} B{entropy}"
    if ":" in plan.events:
        return f"{clean(plan.events)}{mean}"
    serializer = f" by {clean(plan.serializer)}" if plan.events == "fresh" else ""
    return f"orders{mean} {clean(plan.events)}{serializer}"


def client(result: Result) -> str:
    """`balanced: acks=all idempotent linger 5 batch 128 KiB snappy; librdkafka 2.16.0; timed in C`."""
    told = result.client
    words = [word for word in _settings(result) if word]
    timed = "timed in C"
    if told.instrument == "python":
        gap = told.poll_gap_us_max
        timed = "timed in Python" + ("" if gap is None else f", each up to {milliseconds(gap)} ms too long")
    settings = f": {' '.join(words)}" if words else ""
    return f"{clean(result.plan.profile)}{settings}; librdkafka {clean(told.librdkafka)}; {timed}"


def _settings(result: Result) -> list[str | None]:
    acks = setting(result, "acks", "request.required.acks")
    linger = setting(result, "linger.ms", "queue.buffering.max.ms")
    batch = whole(setting(result, "batch.size"))
    compression = setting(result, "compression.type", "compression.codec")
    return [
        acks and f"acks={'all' if acks == '-1' else acks}",
        "idempotent" if setting(result, "enable.idempotence") == "true" else None,
        linger and f"linger {linger}",
        f"batch {wording.size(batch)}" if batch else None,
        "uncompressed" if compression == "none" else compression,
    ]


def machine(result: Result) -> str:
    """`AMD EPYC 7763, 8 cores, kernel 6.8.0, Python 3.11.7`: what is known of the host."""
    facts = result.environment
    parts = [
        facts.get("cpu_model"),
        counted("core", facts["cores"]) if isinstance(facts.get("cores"), int) else None,
        f"kernel {facts['kernel']}" if facts.get("kernel") else None,
        f"Python {facts['python']}" if facts.get("python") else None,
    ]
    return ", ".join(clean(str(part)) for part in parts if part) or "machine unknown"


def versions(result: Result) -> str:
    """`loadgen 0.1.0, librdkafka 2.16.0, confluent-kafka 2.16.1`."""
    told = (
        ("loadgen", result.environment.get("loadgen")),
        ("librdkafka", result.client.librdkafka),
        ("confluent-kafka", result.client.confluent_kafka),
    )
    return ", ".join(f"{name} {clean(str(version))}" for name, version in told if version)
