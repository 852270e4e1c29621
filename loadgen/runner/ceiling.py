"""What this host can send: the ceiling that a run's headroom is measured against. No Kafka is involved.

Two figures: on librdkafka's mock cluster (the client whole: sending, batching, compression, acknowledgements, on loopback)
and with a transport that only acknowledges (the Python side alone; pooled and stamped events are sent from C, which has no
such transport). Kept per host, versions, payload and settings in the user's cache folder, so a run can say its headroom.
"""

import hashlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import msgspec

from loadgen import __version__
from loadgen.messages.source import EventSource
from loadgen.producer.library import client_versions
from loadgen.producer.memory import NullTransport
from loadgen.profile import RunSettings
from loadgen.quantities import Rate
from loadgen.runner.coordinator import Say, carry_out, event_plan
from loadgen.runner.instruments import choose_instrument
from loadgen.runner.python_lane import PythonLane

MOCK_S, MOCK_WARMUP_S = 3.0, 1.0
NULL_S = 1.0
BATCH = 500


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """What this host sends at most, records a second.

    Attributes:
        mock_per_s: through the whole client to the mock cluster, all workers together.
        null_per_s: Python's side alone, one process; None where events are sent from C.
        cpu_us_per_message: of the mock run.
        mean_bytes: of a record's value.
        workers: of the mock run.
    """

    mock_per_s: float
    null_per_s: float | None
    cpu_us_per_message: float | None
    mean_bytes: float
    workers: int


def measure(settings: RunSettings, say: Say | None = None) -> Ceiling:
    """Measure it now, about 5 s; the payload and client settings are those of `settings`."""
    flat_out = msgspec.structs.replace(
        settings,
        start="mock",
        bootstrap=None,
        topic=None,
        rate=Rate("max"),
        ramp=None,
        steps=(),
        slo=(),
        verify=None,
        consume=0,
        duration_s=MOCK_S,
        warmup_s=MOCK_WARMUP_S,
        count=None,
    )
    result = carry_out(flat_out, command=["loadgen ceiling"], say=say).result
    source = EventSource(event_plan(settings, "00000000", 0))
    sent_from_c = choose_instrument(settings).sender(settings) == "native"
    return Ceiling(
        mock_per_s=result.throughput.acked_per_s,
        null_per_s=None if sent_from_c else null_per_s(source),
        cpu_us_per_message=result.cost.cpu_us_per_message,
        mean_bytes=source.mean_bytes,
        workers=result.plan.workers,
    )


def null_per_s(source: EventSource, seconds: float = NULL_S) -> float:
    """Records a second through the Python lane when the client costs nothing."""
    answered = [0]

    def on_ack(sequence: int, intended_ns: int, error: Any, message: Any) -> None:
        del sequence, intended_ns, error, message
        answered[0] += 1

    lane = PythonLane(NullTransport(), "null", source, None, lambda: 0, on_ack=on_ack)
    started_ns = time.monotonic_ns()
    end_ns = started_ns + round(seconds * 1e9)
    sequence = 0
    while time.monotonic_ns() < end_ns:
        sequence += lane.send(sequence, BATCH).accepted
        lane.poll()
    return answered[0] / ((time.monotonic_ns() - started_ns) / 1e9)


def key_of(settings: RunSettings) -> str:
    """What a ceiling belongs to: host, versions, payload and client settings."""
    decisive = {
        "host": platform.node(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "loadgen": __version__,
        "client": client_versions(),
        "workers": settings.workers,
        "producers": settings.producers,
        "instrument": settings.instrument,
        "properties": {
            name: value
            for name, value in settings.properties.items()
            if not name.startswith(("sasl.", "ssl.", "security."))
        },
        "payload": [
            settings.events,
            settings.serializer,
            settings.line_items,
            settings.record_size,
            settings.entropy,
            settings.payload_file,
            settings.keys,
            settings.headers,
            settings.pool_size,
        ],
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()[:24]


def cache_folder() -> Path:
    """Where ceilings are kept; XDG_CACHE_HOME moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loadgen" / "ceilings"


def remembered(settings: RunSettings) -> Ceiling | None:
    """The ceiling measured before for this host, these versions and this payload; None when there is none."""
    path = cache_folder() / f"{key_of(settings)}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ceiling)
    except (OSError, msgspec.DecodeError):
        return None  # never measured, or not readable: measuring again costs 5 s


def remember(settings: RunSettings, ceiling: Ceiling) -> Path:
    """Keep a ceiling; the file is replaced whole."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key_of(settings)}.json"
    partial = path.with_suffix(f".partial-{os.getpid()}")
    partial.write_bytes(msgspec.json.encode(ceiling))
    partial.replace(path)
    return path
