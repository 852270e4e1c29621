"""What two runs must have in common before their numbers may be compared, and what is only marked when it differs.

Three grades: "same"; "changed", which is often the very thing to be compared (librdkafka, kernel, a property) and is
listed beside the numbers; "not comparable", where a ratio would be arithmetic on two different questions (rate, payload,
keys, topic shape, CPU model, instrument). Read from result.json as plain data, so that results of other versions, with
keys that this one does not know, can be read. Not here: what a verdict does with the grades (`gate`, `compare`).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

Grade = Literal["same", "changed", "not comparable"]

PAYLOAD, RECORDS = "payload_bytes_per_message", "payload_records"

# One question each: with another answer a ratio of two metrics says nothing.
MUST_MATCH = (
    "plan.loop",
    "plan.offered_per_s",
    "plan.arrival",
    "plan.phases",
    "plan.record_size",
    "plan.entropy",
    "plan.line_items",
    "plan.keys",
    "plan.headers",
    "plan.payload_file.sha256",
    "plan.partitions",
    "broker.kind",
    "broker.topic.replication_factor",
    "broker.topic.min_insync_replicas",
    "client.instrument",
    "environment.cpu_model",
    "environment.cores",
    PAYLOAD,
)
MARKED = (
    "plan.workers",
    "plan.producers",
    "plan.profile",
    "plan.events",
    "plan.serializer",
    "plan.duration_s",
    "plan.warmup_s",
    "plan.pool_size",
    "client.librdkafka",
    "client.confluent_kafka",
    "client.sender",
    "broker.version",
    "broker.cluster_id",
    "broker.brokers",
    "broker.topic.settings",
    "environment.loadgen",
    "environment.git_commit",
    "environment.python",
    "environment.kernel",
    "environment.host",
    "environment.governor",
    "environment.clocksource",
    "environment.affinity",
    "environment.cgroup_limits",
    "environment.gil",
    "environment.msgspec",
    "environment.orjson",
    "environment.pydantic",
)
PAYLOAD_TOLERANCE = 0.01  # stamped and fresh orders of other seeds differ by less
PAYLOAD_SPREAD = 0.5  # of one record's size, relative, for the few records of a short run; orders have 0.45
RATE_TOLERANCE = 0.001


class Difference(msgspec.Struct, frozen=True):
    """One condition that is not the same on both sides."""

    condition: str
    baseline: Any
    candidate: Any
    grade: Grade

    def __str__(self) -> str:
        return f"{self.condition}: {_shown(self.baseline)} → {_shown(self.candidate)}"


def at(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None when it, or anything on the way, is not there."""
    value: Any = data
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def conditions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every condition of a run by its path in result.json; each client property by itself.

    Args:
        data: result.json as plain data.
    """
    found = {path: at(data, path) for path in (*MUST_MATCH, *MARKED) if path != PAYLOAD}
    acked, payload = at(data, "messages.acked"), at(data, "bytes.payload")
    known = isinstance(acked, int | float) and isinstance(payload, int | float) and acked > 0
    found |= {PAYLOAD: payload / acked if known else None, RECORDS: acked if known else None}
    properties = at(data, "client.properties")
    if isinstance(properties, Mapping):
        found |= {f"client.properties.{name}": value for name, value in properties.items()}
    return found


def differences(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[Difference]:
    """Where two sets of conditions differ, what forbids a comparison first."""
    tolerances = {"plan.offered_per_s": RATE_TOLERANCE, PAYLOAD: _payload_tolerance(baseline, candidate)}
    found = [
        Difference(path, baseline.get(path), candidate.get(path), _grade(path))
        for path in sorted({*baseline, *candidate} - {RECORDS})
        if not _alike(path, baseline.get(path), candidate.get(path), tolerances.get(path))
    ]
    return sorted(found, key=lambda difference: difference.grade != "not comparable")


def grade_of(found: Iterable[Difference]) -> Grade:
    """The worst grade of some differences."""
    grades = {difference.grade for difference in found}
    return "not comparable" if "not comparable" in grades else "changed" if grades else "same"


def _grade(path: str) -> Grade:
    return "not comparable" if path in MUST_MATCH else "changed"


def _payload_tolerance(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> float:
    """Four standard errors between two means of so many records: a run of 8,000 knows its mean to 1 or 2 %."""
    counts = [side.get(RECORDS) or 0 for side in (baseline, candidate)]
    if min(counts) <= 0:
        return PAYLOAD_TOLERANCE
    return max(PAYLOAD_TOLERANCE, 4 * PAYLOAD_SPREAD * math.sqrt(sum(1 / count for count in counts)))


def _alike(path: str, one: Any, other: Any, tolerance: float | None) -> bool:
    if path == "plan.phases":
        return _phases_alike(one, other)
    if tolerance is not None and isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=tolerance)
    return bool(one == other)


def _phases_alike(one: Any, other: Any) -> bool:
    """By shape: their rates are the offered rate's and their lengths the duration's, compared apart."""
    if not all(isinstance(phase, Mapping) for phases in (one, other) if isinstance(phases, list) for phase in phases):
        return False
    shapes = [
        [phase.get("from_per_s") == phase.get("to_per_s") for phase in phases] if isinstance(phases, list) else None
        for phases in (one, other)
    ]
    steps = [len({phase.get("to_per_s") for phase in phases}) for phases in (one, other) if isinstance(phases, list)]
    return shapes[0] == shapes[1] and len(set(steps)) <= 1


def _shown(value: Any) -> str:
    text = "unknown" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:77] + "…"
