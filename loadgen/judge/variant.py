"""A variant: what one side of a gate has of its own, as `key=value,…` or as a table of gate.toml.

Keys are settings of a run (`profile`, `serializer`, `events`, `bootstrap`, …), `python` (another environment's
interpreter, with its own version of this program), or client properties by their names. Whatever a variant does not
name comes from the gate's common settings, and must then be the same on both sides.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.profile import FIELDS
from loadgen.properties import canonical, nearest, table, translated

# Of a run as a whole, or of where its output goes; a variant cannot have them for itself.
NOT_OF_A_VARIANT = frozenset(
    {"duration", "count", "warmup", "rate", "ramp", "steps", "dry_run", "slo", "name", "label", "seed", "start"}
)
_SHORT = {"bootstrap": "bootstrap_server", "b": "bootstrap_server", "t": "topic"}


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One side.

    Attributes:
        text: as it was given, for people.
        settings: of a run, by their names in `profile.FIELDS`, and `profile`.
        properties: of the client, by librdkafka's names.
        python: the interpreter of another environment; None: this one.
    """

    text: str = "as it is"
    settings: dict[str, str] = {}
    properties: dict[str, str] = {}
    python: str | None = None

    def named(self) -> set[str]:
        """Everything it names, by setting and property name."""
        return {*self.settings, *self.properties, *({"python"} if self.python else set())}


def parse_variant(text: str, origin: str) -> Variant:
    """A variant from `profile=balanced,linger.ms=20`.

    A comma begins a new pair only before another `key=`, so that `bootstrap=a:1,b:2` is one value.

    Raises:
        UsageError: everything that is wrong with it; `origin` says where it came from.
    """
    pairs: dict[str, str] = {}
    problems: list[str] = []
    for part in filter(None, re.split(r",(?=[A-Za-z_][\w.\-]*=)", text.strip())):
        key, equals, value = part.partition("=")
        if not equals or not value:
            problems.append(f"{origin} {part!r}: write it like profile=balanced,linger.ms=20")
        elif key in pairs:
            problems.append(f"{origin}: {key} is given twice")
        pairs[key] = value
    if problems:
        raise UsageError(*problems)
    return variant_of(pairs, origin, text)


def variant_of(pairs: Mapping[str, Any], origin: str, text: str | None = None) -> Variant:
    """A variant from its keys and values, as a table of gate.toml has them.

    Raises:
        UsageError: unknown keys (with the nearest known), settings that belong to the whole gate, no such interpreter.
    """
    settings: dict[str, str] = {}
    properties: dict[str, str] = {}
    python: str | None = None
    problems: list[str] = []
    for key, value in _flat(pairs).items():
        name = _SHORT.get(key, key.replace("-", "_"))
        if name == "python":
            python = value
            if not Path(value).is_file():
                problems.append(f"{origin} python={value}: no such file; name the interpreter, like .venv/bin/python")
        elif name in NOT_OF_A_VARIANT:
            problems.append(f"{origin} {key}={value}: is one for both sides; give it to the gate, not to a variant")
        elif name in FIELDS or name == "profile":
            settings[name] = value
        elif translated(key, value)[0] in table():
            properties |= dict([translated(key, value)])
        else:
            known = [*FIELDS, "profile", "bootstrap", "python", *table()]
            problems.append(f"{origin} {key}={value}: no such setting or property{nearest(key, known)}")
    if problems:
        raise UsageError(*problems)
    shown = text if text is not None else ",".join(f"{key}={value}" for key, value in _flat(pairs).items())
    return Variant(text=shown or "as it is", settings=settings, properties=properties, python=python)


def _flat(pairs: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"linger": {"ms": 5}}`, which TOML makes of `linger.ms = 5`, as `linger.ms`; values as text."""
    flat: dict[str, str] = {}
    for key, value in pairs.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, "" if prefix == "" and key == "properties" else f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value).lower() if isinstance(value, bool) else str(value)
    return flat


# Which conditions of a result a named setting may change; a property changes its own and what batches weigh.
_CHANGES: dict[str, tuple[str, ...]] = {
    "profile": ("plan.profile", "client.properties."),
    "events": ("plan.events", "plan.serializer", "client.sender"),
    "serializer": ("plan.serializer", "plan.events", "client.sender"),
    "bootstrap_server": ("broker.",),
    "topic": ("broker.topic.", "plan.partitions"),
    "partitions": ("plan.partitions",),
    "replication_factor": ("broker.topic.",),
    "topic_config": ("broker.topic.",),
    "like": ("broker.topic.", "plan.partitions"),
    "instrument": ("client.instrument", "client.sender"),
    "workers": ("plan.workers", "plan.producers", "client.properties.queue.buffering.max.kbytes"),
    "producers": ("plan.producers", "plan.workers", "client.properties.queue.buffering.max.kbytes"),
    "python": (
        "client.",
        "environment.loadgen",
        "environment.python",
        "environment.git_commit",
        "environment.gil",
        "environment.msgspec",
        "environment.orjson",
        "environment.pydantic",
    ),
}


def may_differ(condition: str, baseline: Variant, candidate: Variant) -> bool:
    """Whether a condition is one that the variants themselves changed."""
    condition = condition.removeprefix("rated.")
    condition_property = canonical(condition.removeprefix("client.properties."))
    for name in baseline.named() | candidate.named():
        if condition.startswith(_CHANGES.get(name, (f"plan.{name}",))) or condition_property == canonical(name):
            return True
    return False
