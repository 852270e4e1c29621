"""A client's property file as lines of key and value: Java's format, and kcat's, where a backslash is a backslash.

Not here: what a key means (`java_client`). Format of the first: java.util.Properties.load, but for two deviations: the
file is UTF-8, and a key that is given twice is refused, where Java would take the last without a word.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from loadgen.errors import UsageError

Style = Literal["java", "kcat"]
MAX_FILE_BYTES = 1 << 20
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_KEY_END = re.compile(r"(?<!\\)(?:\\\\)*[\s=:]")


class Line(NamedTuple):
    """A key and its value, and the number of the line where it begins."""

    key: str
    value: str
    number: int


def read_lines(path: Path, style: Style) -> list[Line]:
    """Every key of a file in order.

    Raises:
        UsageError: it cannot be read, is no text, or a line of it is no property; every such line is named, no value is.
    """
    problems: list[str] = []
    found: dict[str, Line] = {}
    for number, text in _logical(_text(path), style):
        key, value = _split(text, style)
        if not key or (value is None):
            problems.append(f"{path}: line {number} is no key=value")
        elif key in found:
            problems.append(f"{path}: {key} is given twice, in lines {found[key].number} and {number}; leave one")
        else:
            found[key] = Line(key, value, number)
    if problems:
        raise UsageError(*problems)
    return list(found.values())


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise UsageError(f"-F {path}: no such file; it is a client.properties as Kafka's own tools take it")
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise UsageError(f"-F {path}: {size} bytes is no client's property file; those are below 1 MiB")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"-F {path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"-F {path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _logical(text: str, style: Style) -> list[tuple[int, str]]:
    """(number of its first line, text) of each property; comments and empty lines left out, continued ones joined."""
    lines: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = raw.lstrip(" \t\f\ufeff")
        if begun is None and (not line or line[0] in ("#!" if style == "java" else "#")):
            continue
        first, before = begun or (number, "")
        backslashes = len(line) - len(line.rstrip("\\"))
        if style == "java" and backslashes % 2:
            begun = first, before + line[:-1]
        else:
            lines.append((first, before + line))
            begun = None
    return lines if begun is None else [*lines, begun]


def _split(text: str, style: Style) -> tuple[str, str | None]:
    """(key, value) of a logical line; value None: there is no separator."""
    if style == "kcat":
        key, equals, value = text.partition("=")
        return key.strip(), value.strip() if equals else None
    end = _KEY_END.search(text)
    if end is None:
        return text, None
    key, rest = text[: end.end() - 1], text[end.end() - 1 :].lstrip(" \t\f")
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(" \t\f")
    return _unescaped(key), _unescaped(rest.rstrip(" \t\f"))


def _unescaped(text: str) -> str:
    def meant(escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(int(escape[1], 16))
        return _ESCAPES.get(escape[2], escape[2])

    return re.sub(r"\\(?:u([0-9A-Fa-f]{4})|(.?))", meant, text, flags=re.DOTALL)
