"""A run's settings: read from flags, environment and TOML, checked whole before any socket opens.

Everything wrong is reported at once: key, value, bound, origin and the nearest right name.
Not here: what a flag looks like (`cli/flags.py`), what the cluster must answer first (percent rates, topic shape).
"""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.profile.checks import problems_together
from loadgen.profile.secrets import secret_value
from loadgen.profile.settings import FIELDS, RunSettings
from loadgen.profile.sources import (
    BUILT_IN_PROFILES,
    Sourced,
    gather,
    origins,
    profile_properties,
    read_profile,
)
from loadgen.properties import SECRET, problems_in

__all__ = [
    "BUILT_IN_PROFILES",
    "FIELDS",
    "RunSettings",
    "origins",
    "profile_properties",
    "read_profile",
    "resolve",
]


def resolve(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> RunSettings:
    """The settings of a run, checked whole.

    Args:
        flags: as `gather` takes them.
        environ: the environment.

    Raises:
        UsageError: holds every problem found.
    """
    settings, sourced, notes = gather(flags, environ)
    problems: list[str] = []
    parsed: dict[str, Any] = {}
    for name, (value, origin) in settings.items():
        if value is None or (name == "steps" and value == ""):
            parsed[name] = None if name != "steps" else ()
            continue
        if value == "" and name != "verify":
            problems.append(_empty(name, origin))
            continue
        try:
            parsed[name] = FIELDS[name].parse(value)
        except ValueError as error:
            problems.append(f"{_shown_name(name, origin)}: {error}")
    properties: dict[str, tuple[str, str]] = {}
    for name, (value, origin) in sourced.items():
        try:
            properties[name] = (secret_value(name, value, environ) if SECRET.search(name) else value, origin)
        except ValueError as error:
            problems.append(f"{error} ({origin})")
    problems += problems_in(properties, allow_unsafe=bool(parsed.get("allow_unsafe")))
    if not problems:
        problems += problems_together(parsed, settings)
    if problems:
        raise UsageError(*problems)
    built = _build(parsed, settings, {name: value for name, (value, _) in properties.items()}, flags, environ)
    return msgspec.structs.replace(built, notes=tuple(notes))


def _empty(name: str, origin: str) -> str:
    if name == "bootstrap_server":
        return f"{origin} is set but empty; name a cluster with -b HOST:PORT, or --start kafka, or --start mock"
    return f"{_shown_name(name, origin)} is empty"


def _shown_name(name: str, origin: str) -> str:
    return origin if origin.startswith(("--", "LOADGEN_", "RPK_")) else f"{name} ({origin})"


def _build(
    parsed: dict[str, Any],
    settings: Mapping[str, Sourced],
    properties: dict[str, str],
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
) -> RunSettings:
    events, serializer_given = parsed["events"], settings["serializer"].origin != "built-in"
    if serializer_given and settings["events"].origin == "built-in":
        events = "fresh"  # else the serializer would change nothing that is measured
    renamed = {
        "bootstrap_server": "bootstrap",
        "duration": "duration_s",
        "warmup": "warmup_s",
        "drain": "drain_s",
        "header": "headers",
        "label": "labels",
        "max_time": "max_time_s",
    }
    values = {renamed.get(name, name): value for name, value in parsed.items()}
    if values["duration_s"] is None and values["count"] is None:
        values["duration_s"] = 30.0
    if values["start"] is not None:
        values["bootstrap"] = None
    if (parsed["record_size"] or parsed["payload_file"]) and settings["keys"].origin == "built-in":
        values["keys"] = "none"  # raw records have no order whose id could be the key
    values |= {
        "events": events,
        "serializer_given": serializer_given,
        "properties": properties,
        "profile": flags.get("profile") or environ.get("LOADGEN_PROFILE") or "balanced",
    }
    return RunSettings(**values)
