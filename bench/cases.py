"""What is measured: operation × shape of the orders × library, a table.

Goal: the full picture in at most 120 cases, twelve of which are enough for a glance (`--fast`).
Place: read by `serializers.py`, worker processes included, and by the tests.
"""

from collections.abc import Callable, Iterator
from itertools import cycle
from time import perf_counter
from typing import Any, NamedTuple

from bench.libraries import LIBRARIES, Codec
from bench.samples import Shape, Values, sample_orders

OPERATIONS = ("encode", "decode", "build+encode", "round-trip")
"""encode: object → bytes. decode: bytes → object, validated where the library does. build+encode: values → object →
bytes, what a producer pays. round-trip: object → bytes → object."""

GRID: list[tuple[tuple[str, ...], list[Shape]]] = [
    (OPERATIONS, [Shape(3), Shape(20)]),
    (("encode",), [Shape(1), Shape(100), Shape(3, "greek")]),
]

FAST = [
    (operation, Shape(3), library)
    for operation in ("encode", "decode", "build+encode")
    for library in ("msgspec", "orjson-dict", "pydantic", "json")
]


class Case(NamedTuple):
    """One figure to be measured."""

    operation: str
    shape: Shape
    library: str

    @property
    def name(self) -> str:
        """Unique, and what pyperf's files and `--only` call it: `encode 3-items msgspec`."""
        return f"{self.operation} {self.shape.name} {self.library}"


HARNESS = Case("harness", Shape(0), "empty-call")
"""Timed like the others, with a builtin that does nothing: what the loop and one call add to every figure."""


def all_cases() -> list[Case]:
    """The full table, rows of one operation and shape together, for every library there is."""
    return [
        Case(operation, shape, name)
        for operations, shapes in GRID
        for operation in operations
        for shape in shapes
        for name in LIBRARIES
    ]


def fast_cases() -> list[Case]:
    """Twelve of them."""
    return [Case(*row) for row in FAST]


def work(case: Case, codec: Codec, orders: list[Values]) -> tuple[Callable[[Any], Any], list[Any]]:
    """The function to be timed and the arguments that it is called with in turn."""
    encode, decode, build = codec.encode, codec.decode, codec.build
    match case.operation:
        case "encode":
            return encode, [build(values) for values in orders]
        case "decode":
            return decode, [encode(build(values)) for values in orders]
        case "build+encode":
            return (lambda values: encode(build(values))), orders
        case "round-trip":
            return (lambda event: decode(encode(event))), [build(values) for values in orders]
    raise ValueError(f"operation {case.operation!r}: {', '.join(OPERATIONS)} is possible")


def timer(case: Case) -> Callable[[int], float]:
    """(calls) → seconds they took together; the codec and its arguments are made here, once and untimed."""
    function: Callable[[Any], Any]
    if case == HARNESS:
        function, arguments = id, list(range(16))
    else:
        function, arguments = work(case, LIBRARIES[case.library].codec(), sample_orders(case.shape))

    def time_calls(calls: int) -> float:
        return _time_calls(function, zip(range(calls), cycle(arguments), strict=False))

    return time_calls


def _time_calls(function: Callable[[Any], Any], numbered: Iterator[tuple[int, Any]]) -> float:
    start = perf_counter()
    for _, argument in numbered:
        function(argument)
    return perf_counter() - start
