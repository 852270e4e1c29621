"""Where a secret's value is: an environment variable, a file, or whoever sits at the terminal; never a command line."""

import getpass
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

MAX_SECRET_BYTES = 1 << 20


def secret_value(name: str, value: str, environ: Mapping[str, str]) -> str:
    """`env:NAME`, `file:PATH` and `prompt:` as what they point to; a literal secret stays a literal.

    Raises:
        ValueError: the variable or file is not there, or nobody is there to be asked.
    """
    kind, colon, where = value.partition(":")
    if kind == "env" and colon:
        if where not in environ:
            raise ValueError(f"{name} = {value}: environment variable {where} is not set")
        return environ[where]
    if kind == "file" and colon:
        return _from_file(name, value, Path(where))
    return _asked(name) if value == "prompt:" else value


def _from_file(name: str, value: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        if len(content) > MAX_SECRET_BYTES:
            raise ValueError(f"{name} = {value}: more than 1 MiB is no secret")
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{name} = {value}: not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{name} = {value}: cannot be read ({error.strerror})") from None


@lru_cache  # once a process, however many runs it makes
def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise ValueError(f"{name} = prompt: and no terminal to ask at; use env:NAME or file:PATH")
    return getpass.getpass(f"{name}: ")
