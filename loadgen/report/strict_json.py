"""JSON that somebody else may have written: typed by msgspec, and refused where parsers disagree on what it says.

A key that stands twice is one value to one reader and another to the next; NaN, infinity and 1e999 are no JSON numbers.
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decode(content: bytes, type: type[T]) -> T:
    """JSON as a type.

    Raises:
        msgspec.DecodeError: no JSON, a key twice in one object, too deep, or not of that type.
    """
    try:
        # msgspec takes the last of two; the standard library tells of both
        json.loads(content, object_pairs_hook=_once_each, parse_constant=_no_number)
        return msgspec.json.decode(content, type=type)
    except msgspec.DecodeError:
        raise
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
    except (
        ValueError
    ) as error:  # of the standard library: its own decode error is one, and so is an unreadable encoding
        raise msgspec.DecodeError(str(error)) from None


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"key {twice[:40]!r} stands twice in one object")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")
