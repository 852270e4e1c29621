"""The client properties of a publisher: a profile's, then one's own, checked before a socket is opened."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadgen.errors import UsageError
from loadgen.profile import profile_properties
from loadgen.properties import canonical, problems_in, translated

# What a run reserves for itself and an application may well set.
FREE_HERE = frozenset({"allow.auto.create.topics", "enable.metrics.push", "statistics.interval.ms"})
# A topic that is not there is a permanent error, and those fail fast: the client's own default would have its orders wait
# 30 s for it. Half a second is what a topic needs that the brokers make by themselves (measured: 0.2 to 0.6 s on one node).
UNKNOWN_TOPIC_MS = 500
OURS = {
    "client.id": "kafka-loadgen-publisher",
    "enable.metrics.push": "false",
    "topic.metadata.propagation.max.ms": str(UNKNOWN_TOPIC_MS),
}


def publisher_properties(
    brokers: Sequence[str] | str, profile: str, properties: Mapping[str, Any] | None
) -> dict[str, str]:
    """librdkafka's properties for these brokers.

    Args:
        brokers: host:port each, or one text with commas.
        profile: a name or a TOML file; acks=all, idempotence, snappy and 5 requests in flight in the default one.
        properties: override the profile's, under any alias; numbers and booleans may be given as such.

    Raises:
        UsageError: no brokers, no such profile, an unknown or wrong property; all that is wrong is named.
    """
    parts = brokers.split(",") if isinstance(brokers, str) else list(brokers)
    bootstrap = ",".join(part.strip() for part in parts if part.strip())
    if not bootstrap:
        raise UsageError("brokers is empty: give host:port of at least one")
    merged = {name: (value, f"profile {profile}") for name, value in profile_properties(profile).items()}
    for name, value in (properties or {}).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        name, text = translated(name, text)
        merged = {other: entry for other, entry in merged.items() if canonical(other) != canonical(name)}
        merged[name] = (text, "properties")
    checked = {name: entry for name, entry in merged.items() if name not in FREE_HERE}
    if problems := problems_in(checked):
        raise UsageError(*problems)
    return {**OURS, **{name: value for name, (value, _) in merged.items()}, "bootstrap.servers": bootstrap}
