"""Builds librdkafka's rdkafka_performance, once a user: from the C sources that the Rust crate rdkafka-sys carries.

Goal: the example program linked to the very librdkafka that confluent_kafka brought, so that both clients of the race
run the same library. Where that cannot be linked, it gets the crate's own librdkafka, and its version says so.
Needs cargo (to fetch the sources) and a C compiler; what is missing is named.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadgen.brokers.kafka_jars import cache_folder
from loadgen.brokers.librdkafka import library_path
from loadgen.errors import UsageError

CRATE, CRATE_VERSION = "rdkafka-sys", "4.10.0"
_MANIFEST = f"""[package]
name = "sources"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
{CRATE} = {{ version = "={CRATE_VERSION}", default-features = false }}
"""


def program() -> Path:
    """The program, built if it is not in the cache; half a minute at most.

    Raises:
        UsageError: cargo or a compiler is missing, or a step failed; with its last line.
    """
    library = Path(library_path())
    kept = cache_folder().parent / f"rdkafka_performance-{CRATE_VERSION}-{library.stem}"
    if not kept.exists():
        missing = [name for name in ("cargo", "gcc") if shutil.which(name) is None]
        if missing:
            raise UsageError(f"{' and '.join(missing)} not found; rdkafka_performance is built from C sources")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            _build(Path(folder), library).rename(kept)
    return kept


def version_of(executable: Path) -> str:
    """The librdkafka that it runs with, as its help says."""
    shown = subprocess.run([executable, "-h"], capture_output=True, text=True, check=False)
    for line in (shown.stdout + shown.stderr).splitlines():
        if line.startswith("librdkafka version"):
            return line.split()[2]
    return "unknown"


def _build(folder: Path, library: Path) -> Path:
    sources = _fetch(folder)
    _step(["./configure", "--disable-gssapi", "--disable-curl"], sources)
    built = folder / "rdkafka_performance"
    compile_it = ["gcc", "-O2", "-I.", "-Isrc", "examples/rdkafka_performance.c", "-o", str(built)]
    linked = ["-lpthread", "-lm", "-Wl,--allow-shlib-undefined"]
    try:
        _step([*compile_it, str(library), f"-Wl,-rpath,{library.parent}", *linked], sources)
    except UsageError:
        _step(["make", "-j2", "-C", "src", "librdkafka.a"], sources)
        _step([*compile_it, "src/librdkafka.a", "-lssl", "-lcrypto", "-lz", "-ldl", *linked], sources)
    return built


def _fetch(folder: Path) -> Path:
    """The crate's C sources, copied to where they can be configured."""
    (folder / "Cargo.toml").write_text(_MANIFEST)
    (folder / "lib.rs").touch()
    _step(["cargo", "fetch"], folder)
    told = json.loads(_step(["cargo", "metadata", "--format-version", "1", "--offline"], folder))
    manifest = next(package["manifest_path"] for package in told["packages"] if package["name"] == CRATE)
    copied = folder / "librdkafka"
    shutil.copytree(Path(manifest).parent / "librdkafka", copied)
    return copied


def _step(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr + done.stdout).strip().splitlines()
        why = words[-1] if words else f"it ended with code {done.returncode} and no reason"
        raise UsageError(f"building rdkafka_performance: {' '.join(command[:2])}: {why}")
    return done.stdout
