"""What the commands share about what they leave behind: where, with which versions, whole or not at all."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DEFAULT_FOLDER = Path("results/runs/bench")
PUBLISHED = Path("results/published/2026-11-27-2core-epyc")  # of series that take long and are kept
PACKAGES = ("msgspec", "orjson", "pydantic", "pydantic-core", "pyperf", "cramjam")

EXIT_WRONG_DATA = 4
EXIT_NOT_VALID = 5
EXIT_INTERRUPTED = 130


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader, or an interruption, meets the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def package_versions() -> dict[str, str]:
    """Of the libraries under test and of what measures them; those that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
