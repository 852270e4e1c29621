"""Simulated results, as plain data."""

from typing import Any


def result(
    *,
    acked_per_s: float = 200_000.0,
    cpu_us: float = 3.0,
    p99_us: float | None = 5_000.0,
    started_at: str = "2026-11-24T10:00:00.000+00:00",
    **changes: Any,
) -> dict[str, Any]:
    """A result.json as plain data, of a valid run on Kafka; a change is given by its path: `**{"plan.loop": "open"}`.

    Its numbers are invented and belong to no machine.
    """
    acked = round(acked_per_s * 4)
    latency = {
        "n": acked,
        "mean": 900.0,
        "p50": 800.0,
        "p90": 2_000.0,
        "p99": p99_us,
        "p99_9": 9_000.0,
        "max": 20_000.0,
    }
    data: dict[str, Any] = {
        "schema": "loadgen.result/1",
        "run_id": "simulated",
        "started_at": started_at,
        "plan": {
            "loop": "closed",
            "offered_per_s": None,
            "arrival": "uniform",
            "phases": [],
            "record_size": None,
            "entropy": None,
            "line_items": [1, 5],
            "keys": "order",
            "headers": [],
            "partitions": 6,
            "workers": 1,
            "producers": 1,
            "profile": "balanced",
            "events": "stamped",
            "serializer": "msgspec",
            "duration_s": 4.0,
            "warmup_s": 1.0,
        },
        "client": {
            "instrument": "c",
            "librdkafka": "2.16.0",
            "confluent_kafka": "2.16.1",
            "sender": "native",
            "properties": {"linger.ms": "5", "acks": "-1"},
        },
        "broker": {
            "kind": "kafka",
            "version": "4.3.0",
            "cluster_id": "abc",
            "brokers": 1,
            "topic": {"replication_factor": 1, "min_insync_replicas": 1},
        },
        "messages": {"attempted": acked, "acked": acked, "failed": 0, "unknown": 0, "rejected": 0, "open": 0},
        "bytes": {"payload": 400 * acked, "wire": 120 * acked, "messages_per_request": 100.0},
        "throughput": {"acked_per_s": acked_per_s, "achieved_ratio": None},
        "latency_us": {"service": latency, "response": None, "request_rtt": latency},
        "cost": {"cpu_us_per_message": cpu_us, "rss_mib_max": 120.0},
        "verdict": {"valid": True, "exit_code": 0, "limited_by": "broker", "doubts": []},
        "environment": {"cpu_model": "Example 9000", "cores": 2, "kernel": "6.1", "python": "3.11.7", "host": "ci"},
    }
    for path, value in changes.items():
        *parents, last = path.split(".")
        at = data
        for parent in parents:
            at = at[parent]
        at[last] = value
    return data


def open_result(**changes: Any) -> dict[str, Any]:
    """The same at an offered rate of 50,000 a second that was kept."""
    data = result(acked_per_s=50_000.0)
    data["plan"] |= {"loop": "open", "offered_per_s": 50_000.0}
    data["throughput"]["achieved_ratio"] = 1.0
    data["latency_us"]["response"] = dict(data["latency_us"]["service"])
    data["verdict"]["limited_by"] = "plan"
    for path, value in changes.items():
        *parents, last = path.split(".")
        at = data
        for parent in parents:
            at = at[parent]
        at[last] = value
    return data
