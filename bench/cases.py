"""What is measured: operation × shape of the orders × library, a table.

Goal: the full picture in at most 120 cases, twelve of which are enough for a glance (`--fast`).
Place: read by `serializers.py`, worker processes included, and by the tests.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from time import thread_time
from typing import Any, NamedTuple

from bench.libraries import LIBRARIES, Codec
from bench.samples import OwnEvents, Shape, sample_values
from loadgen.errors import UsageError

OPERATIONS = ("encode", "decode", "build+encode", "round-trip")
"""encode: object → bytes. decode: bytes → object, validated where the library does. build+encode: values → object →
bytes, what a producer pays. round-trip: object → bytes → object."""

GRID: list[tuple[tuple[str, ...], Sequence[Shape | OwnEvents]]] = [
    (OPERATIONS, [Shape(3), Shape(20)]),
    (("encode",), [Shape(1), Shape(100), Shape(3, "greek")]),
]

FAST_OPERATIONS = OPERATIONS[:3]
FAST_SHAPE = Shape(3)
FAST_LIBRARIES = ("msgspec", "orjson-dict", "pydantic", "json")


class Case(NamedTuple):
    """One figure to be measured."""

    operation: str
    shape: Shape | OwnEvents
    library: str

    @property
    def name(self) -> str:
        """Unique, and what pyperf's files and `--only` call it: `encode 3-items msgspec`."""
        return f"{self.operation} {self.shape.name} {self.library}"


TIMER = "clock_gettime(CLOCK_THREAD_CPUTIME_ID): CPU of the calling thread"
"""Nothing here sleeps or waits, so on a quiet machine this is wall time; on a busy one it leaves out the time of
whoever preempted us (medians of the same case on a loaded machine: 4 % apart by this clock, 31 % by the wall's)."""

HARNESS = Case("harness", Shape(0), "empty-call")
"""Timed like the others, with a builtin that does nothing: what the loop and one call add to every figure."""


def all_cases() -> list[Case]:
    """The full table, rows of one operation and shape together, for every library there is."""
    return [
        Case(operation, shape, name)
        for operations, shapes in [*GRID, *((OPERATIONS, [events]) for events in _own_events())]
        for operation in operations
        for shape in shapes
        for name, one in LIBRARIES.items()
        if one.serializes(shape)
    ]


def fast_cases() -> list[Case]:
    """Twelve of them, and a user's own."""
    return [
        case
        for case in all_cases()
        if case.operation in FAST_OPERATIONS
        and (isinstance(case.shape, OwnEvents) or (case.shape == FAST_SHAPE and case.library in FAST_LIBRARIES))
    ]


def _own_events() -> list[OwnEvents]:
    found: list[OwnEvents] = []
    for one in LIBRARIES.values():
        if one.own and one.own not in found:
            found.append(one.own)
    return found


def case_of(name: str) -> Case:
    """The case of that name.

    Raises:
        UsageError: there is none.
    """
    for case in [HARNESS, *all_cases()]:
        if case.name == name:
            return case
    raise UsageError(f"no case {name!r}; python -m bench serializers --list names them")


def work(case: Case, codec: Codec, events: list[Any]) -> tuple[Callable[[Any], Any], list[Any]]:
    """The function to be timed and the arguments that it is called with in turn."""
    encode, decode, build = codec.encode, codec.decode, codec.build
    match case.operation:
        case "encode":
            return encode, [build(values) for values in events]
        case "decode":
            return decode, [encode(build(values)) for values in events]
        case "build+encode":
            return (lambda values: encode(build(values))), events
        case "round-trip":
            return (lambda event: decode(encode(event))), [build(values) for values in events]
    raise ValueError(f"operation {case.operation!r}: {', '.join(OPERATIONS)} is possible")


def timer(case: Case) -> Callable[[int], float]:
    """(calls) → seconds of CPU they took together; the codec and its arguments are made here, once and untimed."""
    function: Callable[[Any], Any]
    if case == HARNESS:
        function, arguments = id, list(range(16))
    else:
        function, arguments = work(case, LIBRARIES[case.library].codec(), sample_values(case.shape))

    def time_calls(calls: int) -> float:
        return _time_calls(function, zip(range(calls), cycle(arguments), strict=False))

    return time_calls


def _time_calls(function: Callable[[Any], Any], numbered: Iterator[tuple[int, Any]]) -> float:
    start = thread_time()
    for _, argument in numbered:
        function(argument)
    return thread_time() - start
