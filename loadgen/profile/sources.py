"""Where settings come from: flags, files, environment, a profile's TOML, built-in values; each value keeps its origin.

Precedence: flag > -F file > LOADGEN_* > rpk's environment, kcat's file > profile > built-in. A secret never stands on a
command line.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from loadgen.errors import UsageError
from loadgen.profile.java_client import ClientFile, read_client_file
from loadgen.profile.rpk import rpk_properties
from loadgen.profile.settings import FIELDS
from loadgen.profile.toml_file import read_toml
from loadgen.properties import HIDDEN, SECRET, nearest, overlaid, problems_in, translated

BUILT_IN_PROFILES = ("low-latency", "balanced", "high-throughput", "seed", "librdkafka", "java")


class Sourced(NamedTuple):
    """A setting as it was given, and where."""

    value: Any
    origin: str


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
    table = read_toml(path, "profile")
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


class Gathered(NamedTuple):
    """Every setting and property as it was given, with its origin; notes say what became of a client's file."""

    settings: dict[str, Sourced]
    properties: dict[str, tuple[str, str]]
    notes: Sequence[str]


def gather(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Gathered:
    """Every setting and every property with its origin, by precedence.

    Args:
        flags: by setting name; `X` holds the -X properties, `command_config` the -F file, `profile` the profile; None
            means not given.
        environ: the environment.

    Raises:
        UsageError: everything that is wrong with names and sources.
    """
    problems: list[str] = []
    profile = flags.get("profile") or environ.get("LOADGEN_PROFILE") or "balanced"
    table, origin = read_profile(profile)
    settings = {name: Sourced(field.default, "built-in") for name, field in FIELDS.items()}
    for key, value in table.get("run", {}).items():
        name = key.replace("-", "_")
        if name not in FIELDS:
            problems.append(f"unknown setting {name} = {value!r} ({origin}){nearest(name, list(FIELDS))}")
        else:
            settings[name] = Sourced(value if isinstance(value, list | bool) else str(value), origin)
    file, around = _client_files(flags, environ)
    settings |= _given(flags, environ, file, around)
    properties = _property_layer(table.get("properties", {}), origin)
    if settings["start"].value is None:
        # how to reach a cluster that is there already; one that is started here wants none of it
        properties = overlaid(properties, around.properties if around else rpk_properties(environ))
    for variable, value in environ.items():
        if variable.startswith("LOADGEN_X_"):
            layer = _property_layer({variable[10:].lower().replace("_", "."): value}, variable)
            properties = overlaid(properties, layer)
    if file is not None:
        properties = overlaid(properties, file.properties)
    properties = overlaid(properties, _flag_properties(flags.get("X") or (), problems))
    if problems:
        raise UsageError(*problems)
    return Gathered(settings, properties, file.notes if file else ())


def _client_files(flags: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[ClientFile | None, ClientFile | None]:
    """(the file of -F, kcat's own where nothing else names a cluster)."""
    path = flags.get("command_config") or environ.get("LOADGEN_COMMAND_CONFIG")
    file = read_client_file(Path(path)) if path else None
    named = flags.get("bootstrap_server") is not None or flags.get("start") is not None or file is not None
    if named or _environment_names(environ).keys() & {"bootstrap_server", "start"} or not environ.get("KCAT_CONFIG"):
        return file, None
    return file, read_client_file(Path(environ["KCAT_CONFIG"]), "kcat")


def _given(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: ClientFile | None, around: ClientFile | None
) -> dict[str, Sourced]:
    """Settings from kcat's file, the environment, the -F file and the flags; the later ones win."""
    given: dict[str, Sourced] = {}
    if around is not None and around.bootstrap is not None:
        given["bootstrap_server"] = Sourced(*around.bootstrap)
    # an empty variable is a value that somebody failed to fill in, not an absent one
    given |= {name: Sourced(environ[variable], variable) for name, variable in _environment_names(environ).items()}
    if file is not None and file.bootstrap is not None:
        value, line = file.bootstrap
        given["bootstrap_server"] = Sourced(value, f"--command-config {line}")
    for name, value in flags.items():
        if name in FIELDS and value is not None and value != ():
            given[name] = Sourced(value, f"--{name.replace('_', '-')}")
    return given


def _flag_properties(texts: Sequence[str], problems: list[str]) -> dict[str, tuple[str, str]]:
    """The properties of -X; what is wrong with one is added to `problems`."""
    found: dict[str, tuple[str, str]] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            problems.append(f"-X {key}: must be key=value")
        elif SECRET.search(key) and not value.startswith(("env:", "file:")) and not key.endswith("location"):
            variable = "LOADGEN_X_" + key.upper().replace(".", "_")
            problems.append(
                f"-X {key}=…: a secret on the command line is seen by every user of this machine; "
                f"use -X {key}=env:NAME, -X {key}=file:PATH or {variable}"
            )
        else:
            found = overlaid(found, _property_layer({key: value}, "-X"))
    return found


def _environment_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Setting → the variable that sets it."""
    names = [(name, f"LOADGEN_{name.upper()}") for name in FIELDS] + [("bootstrap_server", "LOADGEN_BOOTSTRAP_SERVERS")]
    found = {name: variable for name, variable in names if variable in environ}
    if "bootstrap_server" not in found and "RPK_BROKERS" in environ:
        found["bootstrap_server"] = "RPK_BROKERS"
    return found


def origins(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """Every setting and property as (name, value, origin), for `loadgen config show`; secrets redacted."""
    settings, properties, _ = gather(flags, environ)
    rows = [(name, "" if value in (None, ()) else str(value), origin) for name, (value, origin) in settings.items()]
    rows += [
        (name, "[redacted]" if HIDDEN.search(name) else value, origin)
        for name, (value, origin) in sorted(properties.items())
    ]
    return rows
