"""A TOML file that somebody else may have written, read whole or refused in a line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from loadgen.errors import UsageError

MAX_BYTES = 1 << 20


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Its tables.

    Args:
        what: such files are called, as "profile".

    Raises:
        UsageError: unreadable, too large, not UTF-8, or not TOML (with the line).
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: is no file")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UsageError(f"{path}: {size} bytes is no {what}; those are below 1 MiB")
        text = path.read_text("utf-8")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        shown = f": {text.splitlines()[int(line[1]) - 1].strip()!r}" if line else ""
        raise UsageError(f"{path}: not TOML, {error}{shown}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # digits without end, brackets without end
        raise UsageError(f"{path}: not a {what}: {str(error)[:80]}") from None
