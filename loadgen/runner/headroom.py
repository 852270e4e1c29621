"""The ceilings that were measured on this host, kept in the user's cache folder: what a run's headroom is told from.

One file for each host, versions, payload and client settings; another payload has another ceiling.
"""

import hashlib
import json
import os
import platform
from pathlib import Path

import msgspec

from loadgen import __version__
from loadgen.producer.library import client_versions
from loadgen.profile import RunSettings


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
