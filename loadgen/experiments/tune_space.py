"""What a tuner searches: the settings that decide how batches fill and what they cost, each with the user's own value.

Left out is what cannot matter in the run that was asked for: stickiness where every record has a key, levels of codecs
that have none. The user's own settings are the first combination, the built-in profiles the next. Pure.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from loadgen.errors import UsageError
from loadgen.experiments.grid import Combination, Parameter, flags_with, parse_parameters
from loadgen.profile import FIELDS, RunSettings, profile_properties, resolve
from loadgen.properties import canonical, table
from loadgen.runner.planning import auto_workers

DEFAULT_SPACE = (
    Parameter("linger.ms", ("0", "1", "2", "5", "10", "20", "50", "100")),
    Parameter("batch.size", ("16384", "32768", "65536", "131072", "262144", "524288", "1000000")),
    Parameter("batch.num.messages", ("1000", "10000", "100000")),
    Parameter("compression.type", ("none", "lz4", "snappy", "zstd")),
    Parameter("compression.level", ("-1", "1", "6")),
    Parameter("max.in.flight.requests.per.connection", ("1", "2", "5")),
    Parameter("sticky.partitioning.linger.ms", ("0", "10", "50")),
    Parameter("workers", ("1", "2", "4", "8", "16")),
)
PROFILES = ("low-latency", "balanced", "high-throughput")


def space_of(flags: Mapping[str, Any], params: Sequence[str]) -> tuple[list[Parameter], Combination]:
    """The parameters and the user's own combination of them.

    Args:
        flags: of every run.
        params: the user's, as `--param` has them; each takes the place of a default one of that name.

    Raises:
        UsageError: a --param that is wrong, before anything runs.
    """
    settings = resolve(flags)
    own = {canonical(each.name): each for each in (parse_parameters(params, flags) if params else [])}
    wanted = [
        own.pop(canonical(each.name)) if canonical(each.name) in own else _possible(each, flags)
        for each in DEFAULT_SPACE
        if canonical(each.name) in own or _can_matter(each.name, settings, flags)
    ]
    space: list[Parameter] = []
    start: Combination = {}
    for parameter in [*wanted, *own.values()]:
        value = start_value(parameter.name, settings, flags)
        space.append(_with(parameter, value))
        start[parameter.name] = next(each for each in space[-1].values if _same(each, value))
    return space, start


def known_combinations(space: Sequence[Parameter], start: Combination) -> list[tuple[str, Combination]]:
    """The built-in profiles as combinations, where they differ from the start and each other."""
    found: list[tuple[str, Combination]] = []
    for profile in PROFILES:
        theirs = {canonical(name): value for name, value in profile_properties(profile).items()}
        combination = {
            each.name: next(
                (value for value in each.values if _same(value, theirs.get(canonical(each.name), ""))), start[each.name]
            )
            for each in space
        }
        if combination not in (start, *(other for _, other in found)):
            found.append((profile, combination))
    return found


def start_value(name: str, settings: RunSettings, flags: Mapping[str, Any]) -> str:
    """What a parameter is set to without a tuner; librdkafka's default where nobody says."""
    if name == "workers":
        return str(settings.workers or auto_workers(settings.bootstrap or "", started_here=settings.start is not None))
    if name in FIELDS:
        return str(flags.get(name, FIELDS[name].default))
    given = {canonical(each): value for each, value in settings.properties.items()}
    return given.get(canonical(name), table()[canonical(name)].default)


def _can_matter(name: str, settings: RunSettings, flags: Mapping[str, Any]) -> bool:
    if name == "sticky.partitioning.linger.ms":
        return settings.keys == "none"
    if name == "workers":
        return "workers" not in flags
    return True


def _possible(parameter: Parameter, flags: Mapping[str, Any]) -> Parameter:
    """A default parameter without the values that the user's other settings, or this host's cores, do not allow."""
    kept = []
    for value in parameter.values:
        if parameter.name == "workers" and int(value) > (os.cpu_count() or 1):
            continue
        try:
            resolve(flags_with(flags, {parameter.name: value}))
        except UsageError:
            continue
        kept.append(value)
    return Parameter(parameter.name, tuple(kept))


def _with(parameter: Parameter, value: str) -> Parameter:
    """A parameter that holds a value, in its place where values are numbers."""
    if any(_same(each, value) for each in parameter.values):
        return parameter
    values = (*parameter.values, value)
    try:
        return Parameter(parameter.name, tuple(sorted(values, key=float)))
    except ValueError:
        return Parameter(parameter.name, values)


def _same(a: str, b: str) -> bool:
    try:
        return float(a) == float(b)
    except ValueError:
        return a == b
