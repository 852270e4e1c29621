"""A run's settings as frozen structs: read from flags, environment and TOML, checked whole before any socket opens.

Precedence: flag > LOADGEN_* > profile > built-in. Every value keeps its origin (`loadgen config show` prints it).
Everything wrong is reported at once: key, value, bound, origin and the nearest right name.
Not here: what a flag looks like (`cli/flags.py`), what the cluster must answer first (percent rates, topic shape).
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loadgen import quantities
from loadgen.errors import UsageError
from loadgen.properties import SECRET, nearest, problems_in, translated
from loadgen.quantities import Rate
from loadgen.slo import Rule, parse_rule

BUILT_IN_PROFILES = ("low-latency", "balanced", "high-throughput", "seed", "librdkafka", "java")
MAX_PROFILE_BYTES = 1 << 20


class Sourced(NamedTuple):
    """A setting as it was given, and where."""

    value: Any
    origin: str


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked to do. Times in s, sizes in bytes, rates a second over all workers."""

    bootstrap: str | None
    start: str | None
    topic: str | None
    keep_topic: bool
    partitions: int | None
    replication_factor: int
    topic_config: dict[str, str]
    like: str | None
    profile: str
    properties: dict[str, str]
    rate: Rate
    arrival: str
    ramp: tuple[float, float] | None
    steps: tuple[float, ...]
    duration_s: float | None
    count: int | None
    warmup_s: float
    workers: int | None
    producers: int | None
    events: str
    serializer: str
    serializer_given: bool
    line_items: tuple[int, int]
    record_size: int | None
    entropy: float
    payload_file: str | None
    payload_format: str
    keys: str
    headers: tuple[tuple[str, str], ...]
    consume: int
    slo: tuple[Rule, ...]
    verify: str | None
    drain_s: float
    seed: int
    instrument: str
    pool_size: int
    name: str | None
    labels: dict[str, str]
    dry_run: bool
    yes: bool
    confirm: str | None
    max_bytes: int
    max_time_s: float
    allow_unsafe: bool


class Field(NamedTuple):
    """One setting: how its text is read, and its built-in value."""

    parse: Callable[[Any], Any]
    default: Any


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} must be one of {', '.join(allowed)}{nearest(text, list(allowed))}")
        return text

    return parse


def _or_none(parse: Callable[[str], Any], none: str) -> Callable[[str], Any]:
    return lambda text: None if text == none else parse(text)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"1", "true", "yes"}:
        return True
    if str(value).lower() in {"0", "false", "no", ""}:
        return False
    raise ValueError(f"{value!r} must be true or false")


def _pairs(values: Any) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in [values] if isinstance(values, str) else values:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{text!r} must be name=value")
        pairs[key.strip()] = value.strip()
    return pairs


def _text_list(values: Any) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def parse_topic(text: str) -> str:
    """A topic name that brokers take (Kafka's own rule: at most 249 of a-z A-Z 0-9 . _ -).

    Raises:
        ValueError: another character, too long, or a reserved name.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in {".", ".."}:
        raise ValueError(f"{text!r} is no topic name: 1 to 249 of letters, digits, dot, underscore and hyphen")
    return text


def _events(text: str) -> str:
    kind = text.partition(":")[0]
    if text in {"stamped", "fresh", "pool"}:
        return text
    if kind in {"pool", "fresh"} and re.fullmatch(r"[\w.]+:\w+", text.partition(":")[2]):
        return text
    raise ValueError(
        f"{text!r} must be stamped, fresh, pool, pool:MODULE:FUNCTION or fresh:MODULE:FUNCTION"
        f"{nearest(text, ['stamped', 'fresh', 'pool'])}"
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} must be 0 to 1")
    return value


def _bootstrap(text: str) -> str:
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{part.strip()!r} is not host:port")
    return ",".join(part.strip() for part in text.split(","))


def _ramp(text: str) -> tuple[float, float]:
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"{text!r} is not a ramp; write it like 10k/s..200k/s")
    return quantities.parse_events_per_s(first), quantities.parse_events_per_s(last)


def _headers(values: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for text in _text_list(values) for key, value in _pairs(text).items())


def _count_between(low: int, high: int) -> Callable[[str], int]:
    return lambda text: quantities.parse_count(str(text), low=low, high=high)


def _replication(text: str) -> int:
    return -1 if text in {"broker", "-1"} else quantities.parse_count(text, low=1, high=100)


def _verify(value: Any) -> str | None:
    text = "ids" if value is True or value == "" else value
    return None if text in {False, "false", None} else _one_of("ids", "full")(text)


FIELDS: dict[str, Field] = {
    "bootstrap_server": Field(_bootstrap, None),
    "start": Field(_one_of("mock", "kafka", "redpanda"), None),
    "topic": Field(parse_topic, None),
    "keep_topic": Field(_flag, False),
    "partitions": Field(_or_none(_count_between(1, 100_000), "auto"), "auto"),
    "replication_factor": Field(_replication, "broker"),
    "topic_config": Field(_pairs, ()),
    "like": Field(parse_topic, None),
    "rate": Field(quantities.parse_rate, "max"),
    "arrival": Field(_one_of("uniform", "poisson"), "uniform"),
    "ramp": Field(_ramp, None),
    "steps": Field(lambda text: tuple(quantities.parse_events_per_s(part) for part in text.split(",")), ""),
    "duration": Field(quantities.parse_duration_s, None),
    "count": Field(_count_between(1, 10**12), None),
    "warmup": Field(lambda text: quantities.parse_duration_s(text, zero=True), "5s"),
    "workers": Field(_or_none(_count_between(1, 1024), "auto"), "auto"),
    "producers": Field(_count_between(1, 4096), None),
    "events": Field(_events, "stamped"),
    "serializer": Field(_one_of("msgspec", "orjson", "pydantic"), "msgspec"),
    "line_items": Field(quantities.parse_range, "1-5"),
    "record_size": Field(quantities.parse_bytes, None),
    "entropy": Field(_share, "1.0"),
    "payload_file": Field(str, None),
    "payload_format": Field(_one_of("lines", "len32", "base64"), "lines"),
    "keys": Field(str, "order"),
    "header": Field(_headers, ()),
    "consume": Field(_count_between(0, 64), "0"),
    "slo": Field(lambda values: tuple(parse_rule(text) for text in _text_list(values)), ()),
    "verify": Field(_verify, False),
    "drain": Field(quantities.parse_duration_s, "10s"),
    "seed": Field(_count_between(0, 2**63 - 1), "1"),
    "instrument": Field(_one_of("auto", "c", "python"), "auto"),
    "pool_size": Field(_count_between(1, 1_000_000), "10000"),
    "name": Field(str, None),
    "label": Field(_pairs, ()),
    "dry_run": Field(_flag, False),
    "yes": Field(_flag, False),
    "confirm": Field(str, None),
    "max_bytes": Field(quantities.parse_bytes, "50GiB"),
    "max_time": Field(quantities.parse_duration_s, "1h"),
    "allow_unsafe": Field(_flag, False),
}


def read_profile(name_or_path: str) -> tuple[dict[str, Any], str]:
    """A profile's TOML and how to call it.

    Raises:
        UsageError: no such profile (with the nearest), unreadable, not TOML (with the line), or of an unknown shape.
    """
    if name_or_path in BUILT_IN_PROFILES:
        text = resources.files("loadgen").joinpath(f"profiles/{name_or_path}.toml").read_text("utf-8")
        return tomllib.loads(text), f"profile {name_or_path}"
    path = Path(name_or_path)
    if not path.exists():
        raise UsageError(
            f"--profile {name_or_path}: no such profile or file; built in are {', '.join(BUILT_IN_PROFILES)}"
            f"{nearest(name_or_path, list(BUILT_IN_PROFILES))}"
        )
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise UsageError(f"{path}: {path.stat().st_size} bytes is no profile; profiles are below 1 MiB")
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        shown = f": {text.splitlines()[int(line[1]) - 1].strip()!r}" if line else ""
        raise UsageError(f"{path}: not TOML, {error}{shown}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    wrong = [key for key in table if key not in {"run", "properties"} or not isinstance(table[key], dict)]
    if wrong:
        raise UsageError(*(f"{path}: unknown table {key!r}; a profile has [run] and [properties]" for key in wrong))
    return table, str(path)


def profile_properties(name_or_path: str) -> dict[str, str]:
    """The client properties of a profile, as librdkafka takes them.

    Raises:
        UsageError: as `read_profile`, or a property is wrong.
    """
    table, origin = read_profile(name_or_path)
    sourced = _property_layer(table.get("properties", {}), origin)
    if problems := problems_in(sourced):
        raise UsageError(*problems)
    return {name: value for name, (value, _) in sourced.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _property_layer(table: Mapping[str, Any], origin: str) -> dict[str, tuple[str, str]]:
    """Properties of one source, flattened (`[properties.linger] ms = 5` is linger.ms) and translated."""
    layer: dict[str, tuple[str, str]] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            nested = {f"{key}.{inner}": inner_value for inner, inner_value in value.items()}
            layer |= _property_layer(nested, origin)
        else:
            name, text = translated(key, _as_text(value))
            layer[name] = (text, origin)
    return layer


def _secret_value(name: str, value: str) -> str:
    """`env:NAME` and `file:PATH` as what they point to; a literal secret stays a literal.

    Raises:
        ValueError: the variable or file is not there.
    """
    if value.startswith("env:"):
        if value[4:] not in os.environ:
            raise ValueError(f"{name} = {value}: environment variable {value[4:]} is not set")
        return os.environ[value[4:]]
    if value.startswith("file:"):
        try:
            return Path(value[5:]).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name} = {value}: cannot be read ({error})") from None
    return value


def gather(
    flags: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Sourced], dict[str, tuple[str, str]]]:
    """Every setting and every property with its origin, by precedence.

    Args:
        flags: by setting name; `X` holds the -X properties, `profile` the profile; None means not given.
        environ: the environment.

    Raises:
        UsageError: everything that is wrong with names and sources.
    """
    problems: list[str] = []
    profile = flags.get("profile") or environ.get("LOADGEN_PROFILE") or "balanced"
    table, origin = read_profile(profile)
    run = {key.replace("-", "_"): value for key, value in table.get("run", {}).items()}
    settings = {name: Sourced(field.default, "built-in") for name, field in FIELDS.items()}
    for key, value in run.items():
        if key not in FIELDS:
            problems.append(f"unknown setting {key} = {value!r} ({origin}){nearest(key, list(FIELDS))}")
        else:
            text = value if isinstance(value, list | bool) else str(value)
            settings[key] = Sourced(text, origin)
    # an empty variable is a value that somebody failed to fill in, not an absent one
    for name, variable in _environment_names(environ):
        settings[name] = Sourced(environ[variable], variable)
    for name, value in flags.items():
        if name in FIELDS and value is not None and value != ():
            settings[name] = Sourced(value, f"--{name.replace('_', '-')}")
    properties = _property_layer(table.get("properties", {}), origin)
    for variable, value in environ.items():
        if variable.startswith("LOADGEN_X_"):
            properties |= _property_layer({variable[10:].lower().replace("_", "."): value}, variable)
    for text in flags.get("X") or ():
        key, equals, value = text.partition("=")
        if not equals:
            problems.append(f"-X {text}: must be key=value")
            continue
        if SECRET.search(key) and not value.startswith(("env:", "file:")) and not key.endswith("location"):
            variable = "LOADGEN_X_" + key.upper().replace(".", "_")
            problems.append(
                f"-X {key}=…: a secret on the command line is seen by every user of this machine; "
                f"use -X {key}=env:NAME, -X {key}=file:PATH or {variable}"
            )
            continue
        properties |= _property_layer({key.strip(): value}, "-X")
    if problems:
        raise UsageError(*problems)
    return settings, properties


def _environment_names(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    names = [(name, f"LOADGEN_{name.upper()}") for name in FIELDS] + [("bootstrap_server", "LOADGEN_BOOTSTRAP_SERVERS")]
    found = [(name, variable) for name, variable in names if variable in environ]
    if not any(name == "bootstrap_server" for name, _ in found) and "RPK_BROKERS" in environ:
        found.append(("bootstrap_server", "RPK_BROKERS"))
    return found


def resolve(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> RunSettings:
    """The settings of a run, checked whole.

    Args:
        flags: as `gather` takes them.
        environ: the environment.

    Raises:
        UsageError: holds every problem found.
    """
    settings, sourced = gather(flags, environ)
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
            properties[name] = (_secret_value(name, value) if SECRET.search(name) else value, origin)
        except ValueError as error:
            problems.append(f"{error} ({origin})")
    problems += problems_in(properties, allow_unsafe=bool(parsed.get("allow_unsafe")))
    if not problems:
        problems += _together(parsed, settings)
    if problems:
        raise UsageError(*problems)
    return _build(parsed, settings, {name: value for name, (value, _) in properties.items()}, flags)


def _empty(name: str, origin: str) -> str:
    if name == "bootstrap_server":
        return f"{origin} is set but empty; name a cluster with -b HOST:PORT, or --start kafka, or --start mock"
    return f"{_shown_name(name, origin)} is empty"


def _shown_name(name: str, origin: str) -> str:
    return origin if origin.startswith(("--", "LOADGEN_", "RPK_")) else f"{name} ({origin})"


def _together(parsed: Mapping[str, Any], settings: Mapping[str, Sourced]) -> list[str]:
    """What single values allow but not side by side."""
    problems: list[str] = []
    if parsed["bootstrap_server"] is None and parsed["start"] is None:
        problems.append(
            "no cluster to send to: name one with -b HOST:PORT, or let one be started with --start kafka "
            "(a real Apache Kafka) or --start mock (no Kafka: what this machine's client can send)"
        )
    if parsed["bootstrap_server"] is not None and parsed["start"] is not None:
        if settings["bootstrap_server"].origin.startswith("--"):
            problems.append("-b and --start exclude each other: load that cluster, or start one?")
    planned = [name for name in ("ramp", "steps") if parsed[name]]
    if parsed["rate"].kind != "max":
        planned.append("rate")
    if len(planned) > 1:
        problems.append(f"--{' and --'.join(planned)} exclude each other: one plan a run")
    if ("ramp" in planned or "steps" in planned) and parsed["duration"] is None:
        problems.append(f"--{planned[0]} needs -d: over how long?")
    if any(rule.is_latency and "request_rtt" not in rule.metric for rule in parsed["slo"]) and not planned:
        problems.append(
            "--slo on a latency needs a rate: flat out a record waits in the client's own queue, so its latency says "
            "how deep that is; use -r 70% (of what a flat-out probe reaches) or -r 50k/s"
        )
    if parsed["producers"] is not None and parsed["workers"] is not None and parsed["producers"] < parsed["workers"]:
        problems.append(
            f"--producers {parsed['producers']} is less than --workers {parsed['workers']}: each worker owns one"
        )
    raw = [name for name in ("record_size", "payload_file") if parsed[name] is not None]
    if len(raw) > 1:
        problems.append("--record-size and --payload-file exclude each other")
    if raw and settings["events"].origin != "built-in":
        problems.append(f"--{raw[0].replace('_', '-')} and --events exclude each other: raw records are no events")
    if parsed["verify"] and (raw or parsed["events"].startswith("pool") or ":" in parsed["events"]):
        problems.append("--verify needs records with an id: use --events stamped or fresh")
    if parsed["verify"] and parsed["start"] == "mock":
        problems.append("--verify cannot read back from the mock (it keeps 5 MB a partition): use --start kafka")
    return problems


def _build(
    parsed: dict[str, Any], settings: Mapping[str, Sourced], properties: dict[str, str], flags: Mapping[str, Any]
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
    # contract: the warm-up is part of a plan's first piece, and never longer than it has to be in a short run
    values |= {
        "events": events,
        "serializer_given": serializer_given,
        "properties": properties,
        "profile": flags.get("profile") or os.environ.get("LOADGEN_PROFILE") or "balanced",
    }
    return RunSettings(**values)


def origins(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """Every setting and property as (name, value, origin), for `loadgen config show`; secrets redacted."""
    settings, properties = gather(flags, environ)
    rows = [(name, "" if value in (None, ()) else str(value), origin) for name, (value, origin) in settings.items()]
    rows += [
        (name, "[redacted]" if SECRET.search(name) else value, origin)
        for name, (value, origin) in sorted(properties.items())
    ]
    return rows
