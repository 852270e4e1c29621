"""Client properties as blocks to paste: for librdkafka, for Java's producer, as a profile of this program. Pure.

Java's producer has other names and units for some of them and none for others; those are named in a comment, never
dropped silently. Sources: librdkafka's CONFIGURATION.md, Kafka's ProducerConfig.
"""

from collections.abc import Mapping

import msgspec

from loadgen.properties import SECRET, canonical
from loadgen.report.wording import clean

# How a cluster is reached is the reader's own, and no part of what was tuned.
_CONNECTION = ("bootstrap.", "metadata.broker.list", "security.", "ssl.", "sasl.", "client.id", "plugin.")
# By librdkafka's canonical name: Java's name, and the factor of its unit.
_JAVA: dict[str, tuple[str, int]] = {
    "request.required.acks": ("acks", 1),
    "enable.idempotence": ("enable.idempotence", 1),
    "max.in.flight.requests.per.connection": ("max.in.flight.requests.per.connection", 1),
    "queue.buffering.max.ms": ("linger.ms", 1),
    "batch.size": ("batch.size", 1),
    "compression.codec": ("compression.type", 1),
    "queue.buffering.max.kbytes": ("buffer.memory", 1024),
    "message.timeout.ms": ("delivery.timeout.ms", 1),
    "message.max.bytes": ("max.request.size", 1),
    "message.send.max.retries": ("retries", 1),
    "retry.backoff.ms": ("retry.backoff.ms", 1),
    "retry.backoff.max.ms": ("retry.backoff.max.ms", 1),
    "request.timeout.ms": ("request.timeout.ms", 1),
    "socket.send.buffer.bytes": ("send.buffer.bytes", 1),
    "socket.receive.buffer.bytes": ("receive.buffer.bytes", 1),
}
_CODECS_WITH_LEVEL = ("gzip", "lz4", "zstd")
_JAVA_REQUEST_TIMEOUT_MS = 30_000


class Pasted(msgspec.Struct, frozen=True):
    """The three blocks, each ending with one newline."""

    librdkafka: str
    java: str
    profile: str


def blocks(properties: Mapping[str, str], settings: Mapping[str, str], remark: str) -> Pasted:
    """What to paste.

    Args:
        properties: of the client; connections and secrets are left out.
        settings: of a run, such as workers, for the profile.
        remark: what it is valid for; stands above each block.
    """
    kept = {
        name: value
        for name, value in properties.items()
        if not name.startswith(_CONNECTION) and not SECRET.search(name)
    }
    head = f"# {clean(remark)}"
    return Pasted(
        "\n".join([head, *(f"{name}={value}" for name, value in kept.items())]) + "\n",
        "\n".join([head, *_java(kept)]) + "\n",
        "\n".join([head, *_profile(kept, settings)]) + "\n",
    )


def _java(properties: Mapping[str, str]) -> list[str]:
    by_canonical = {canonical(name): (name, value) for name, value in properties.items()}
    codec = by_canonical.get("compression.codec", ("", "none"))[1]
    found: dict[str, str] = {}
    without: list[str] = []
    for name, (given, value) in by_canonical.items():
        if name == "compression.level":
            if codec in _CODECS_WITH_LEVEL and value != "-1":
                found[f"compression.{codec}.level"] = value
        elif name in _JAVA:
            there, factor = _JAVA[name]
            found[there] = _java_value(there, value, factor)
        else:
            without.append(f"# not in Java's producer: {given}={value}")
    return [*(f"{name}={value}" for name, value in (found | _timeouts(found)).items()), *without]


def _java_value(name: str, value: str, factor: int) -> str:
    if name == "acks":
        return "all" if value == "-1" else value
    if name == "linger.ms":
        return str(round(float(value)))  # whole ms there
    return str(int(value) * factor) if factor != 1 else value


def _timeouts(found: Mapping[str, str]) -> dict[str, str]:
    """Java refuses a delivery timeout below linger plus request timeout, whose default is 30 s."""
    if "delivery.timeout.ms" not in found:
        return {}
    delivery, linger = int(found["delivery.timeout.ms"]), int(found.get("linger.ms", "0"))
    asked = int(found.get("request.timeout.ms", _JAVA_REQUEST_TIMEOUT_MS))
    return {"request.timeout.ms": str(max(delivery - linger, 1))} if delivery < linger + asked else {}


def _profile(properties: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    run = ["[run]", *(f"{name} = {_toml(value)}" for name, value in settings.items()), ""] if settings else []
    return [*run, "[properties]", *(f'"{name}" = {_toml(value)}' for name, value in properties.items())]


def _toml(value: str) -> str:
    """Text as a TOML basic string; a JSON string is one."""
    return msgspec.json.encode(value).decode()
