"""Parameters and their values, from `linger.ms=0,5,20`: what a sweep crosses and a tuner searches. Pure.

A parameter is a setting of a run or a client property; a combination gives each one value and becomes flags of a run.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.judge.variant import variant_of
from loadgen.profile import resolve

MAX_COMBINATIONS = 1_000


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: its name, and its values in the order given; the first is what the others are compared with."""

    name: str
    values: tuple[str, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers that rise, so that what lies between two is likely between them."""
        try:
            numbers = [float(value) for value in self.values]
        except ValueError:
            return False
        return numbers == sorted(numbers) and len(numbers) > 2


Combination = dict[str, str]


def parse_parameters(texts: Sequence[str], flags: Mapping[str, Any]) -> list[Parameter]:
    """Parameters from their words; every value is checked as a run's own setting would be.

    Args:
        flags: of every run, which a value must fit.

    Raises:
        UsageError: all that is wrong: form, unknown names, values that a run or librdkafka would refuse, twice the same.
    """
    problems: list[str] = []
    parameters: list[Parameter] = []
    for text in texts:
        name, equals, values = text.partition("=")
        parts = tuple(value.strip() for value in values.split(",") if value.strip())
        if not equals or not name.strip() or not parts:
            problems.append(f"--param {text!r}: write it like linger.ms=0,5,20")
            continue
        if len(set(parts)) < len(parts):
            problems.append(f"--param {name}: a value is given twice")
        if name.strip() in {parameter.name for parameter in parameters}:
            problems.append(f"--param {name}: is given twice; put all its values into one")
        parameters.append(Parameter(name.strip(), parts))
    if problems:
        raise UsageError(*problems)
    for parameter in parameters:
        for value in parameter.values:
            try:
                resolve(flags_with(flags, {parameter.name: value}))
            except UsageError as error:
                problems += [f"--param {parameter.name}={value}: {problem}" for problem in error.problems]
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return parameters


def combinations(parameters: Sequence[Parameter]) -> list[Combination]:
    """Every combination, the last parameter turning fastest.

    Raises:
        UsageError: more than MAX_COMBINATIONS.
    """
    count = 1
    for parameter in parameters:
        count *= len(parameter.values)
    if count > MAX_COMBINATIONS:
        raise UsageError(
            f"{count:,} combinations; a sweep takes at most {MAX_COMBINATIONS:,}: fewer values, or loadgen tune"
        )
    names = [parameter.name for parameter in parameters]
    crossed = itertools.product(*(parameter.values for parameter in parameters))
    return [dict(zip(names, values, strict=True)) for values in crossed]


def flags_with(flags: Mapping[str, Any], combination: Mapping[str, str]) -> dict[str, Any]:
    """A run's flags with a combination's values in their places.

    Raises:
        UsageError: a name that is neither a setting nor a property.
    """
    variant = variant_of(dict(combination), "--param")
    if variant.python is not None:
        raise UsageError("--param python: environments are compared by loadgen gate")
    properties = [f"{name}={value}" for name, value in variant.properties.items()]
    return {**flags, **variant.settings, "X": [*flags.get("X", []), *properties]}


def named(combination: Mapping[str, str]) -> str:
    """`linger.ms=5 compression.type=lz4`."""
    return " ".join(f"{name}={value}" for name, value in combination.items())
