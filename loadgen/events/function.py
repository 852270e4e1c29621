"""A user's own events: `MODULE:FUNCTION`, where FUNCTION(number) returns (key, value).

Goal: one plain function is all that somebody's own events need.
Non-goal: state between calls; an event must follow from its number, or it cannot be made again.
Place: `--events pool:MODULE:FUNCTION` calls it before the run, `fresh:MODULE:FUNCTION` during it.
"""

import importlib
from collections.abc import Callable

from loadgen.errors import UsageError

OwnFunction = Callable[[int], tuple[bytes | None, bytes]]
"""(number of the event in the run, from 0) → (key or None, value)."""


def load_function(spec: str) -> OwnFunction:
    """The function of that name, its results checked at every call (80 ns).

    Args:
        spec: `MODULE:FUNCTION`; the module is found as `python -m` would find it, the working directory first.

    Raises:
        UsageError: not of that form, no such module or function, or the module fails when imported.
    """
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise UsageError(f"--events …:{spec}: MODULE:FUNCTION is needed, as shop.events:make")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module may fail in any way; the reason is theirs to read
        raise UsageError(
            f"--events …:{spec}: module {module_name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"--events …:{spec}: {module_name} has no function {name}")

    def checked(number: int) -> tuple[bytes | None, bytes]:
        match function(number):
            case (bytes() | None as key, bytes(value)):
                return key, value
            case other:
                raise UsageError(
                    f"--events …:{spec}: {name}({number}) returned {other!r:.80}; (key, value) is needed, bytes each, "
                    "or None as key"
                )

    return checked


def pooled_calls(function: OwnFunction, pool_size: int, spec: str) -> list[tuple[bytes | None, bytes]]:
    """FUNCTION(0) … FUNCTION(pool_size − 1).

    Raises:
        UsageError: it raised.
    """
    calls = []
    for number in range(pool_size):
        try:
            calls.append(function(number))
        except UsageError:
            raise
        except Exception as error:  # as above: theirs
            raise UsageError(f"--events pool:{spec}: call {number} raised {type(error).__name__}: {error}") from error
    return calls
