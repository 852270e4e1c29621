"""Where settings come from: flags, environment, a profile's TOML, the built-in values; each value keeps its origin.

Precedence: flag > LOADGEN_* > profile > built-in. A secret never stands on a command line.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from loadgen.errors import UsageError
from loadgen.profile.settings import FIELDS
from loadgen.properties import SECRET, nearest, problems_in, translated

BUILT_IN_PROFILES = ("low-latency", "balanced", "high-throughput", "seed", "librdkafka", "java")
MAX_PROFILE_BYTES = 1 << 20


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


def secret_value(name: str, value: str) -> str:
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


def origins(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """Every setting and property as (name, value, origin), for `loadgen config show`; secrets redacted."""
    settings, properties = gather(flags, environ)
    rows = [(name, "" if value in (None, ()) else str(value), origin) for name, (value, origin) in settings.items()]
    rows += [
        (name, "[redacted]" if SECRET.search(name) else value, origin)
        for name, (value, origin) in sorted(properties.items())
    ]
    return rows
