"""C: the two hot ends, timed acknowledgement and pooled sending; optional at install.

Goal: `load()` gives the compiled part, attached to the librdkafka that `confluent_kafka` has loaded, or says in one
line why it cannot be had. Importing this package needs neither a compiler's work nor librdkafka.
Place: below everything; `producer.kafka` makes the client, `runner` the batches. What each call promises stands in
`_native.pyi`.

How a native producer comes to be, from Python:

    module = native.load()                                  # after `import confluent_kafka`; NativeUnavailable else
    client = module.Client(slab.words, slot, "native", timed=acks != "0")
    producer = confluent_kafka.Producer({..., "plugin.library.paths": client.plugin_path})    # binds the client
    client.set_topic("orders")
    client.set_records(pool.blob, pool.offsets, pool.lengths, run_token, producer, producers,
                       stamped=True, id_offset=13, time_offset=55, start_epoch_us=...)
    client.set_keys("order")
    client.set_schedule([(0, 0, 10**9, 50_000)])            # open loop, 50,000/s from T0; without it: flat out
    accepted, rejected = client.send(first_sequence, count) # no GIL; stops where the queue is full

A producer that sends from Python has mode "python" and announces each batch before it hands it over:

    client.expect(first_sequence, count)                    # or with offsets_ns, as send
    producer.produce_batch(...)                             # the first `count` records from here on are those
    client.settle()

A Producer made with the plug-in's path and no waiting Client is refused by librdkafka with a text that says so.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from loadgen.native import _native

__all__ = ["Native", "NativeUnavailable", "library_path", "load"]

_MAPS = Path("/proc/self/maps")


class NativeUnavailable(Exception):
    """The C part cannot be used here; the text says why and what would help. The pure-Python instrument can."""


class Native(Protocol):
    """The compiled module, as seen by whoever got it from `load()`."""

    @property
    def Client(self) -> "type[_native.Client]": ...  # noqa: N802  (a class)

    @property
    def FatalError(self) -> "type[_native.FatalError]": ...  # noqa: N802

    @property
    def LAYOUT(self) -> dict[str, int]: ...  # noqa: N802

    @property
    def PLUGIN_PATH(self) -> str: ...  # noqa: N802

    def attach(self, path: str, /) -> str: ...

    def cell_of(self, value_us: int, /) -> int: ...


def load() -> Native:
    """The compiled module, attached to this process' librdkafka. Quick after the first time.

    Raises:
        NativeUnavailable: not compiled, older than its sources, made for another machine, or librdkafka is missing, too
            old or not complete.
    """
    module = _compiled()
    path = library_path(_MAPS.read_text(encoding="utf-8", errors="surrogateescape") if _MAPS.exists() else "")
    try:
        module.attach(path)
    except ImportError as error:
        raise NativeUnavailable(str(error)) from None
    return module


def library_path(maps: str) -> str:
    """The file of the librdkafka among the mappings of a process, as /proc/self/maps lists them: confluent_kafka's own.

    Raises:
        NativeUnavailable: there is none.
    """
    files = [line[line.find("/") :] for line in maps.splitlines() if "/" in line]
    found = [file for file in files if file.rpartition("/")[2].startswith("librdkafka")]
    if found:  # a wheel keeps its own beside itself; whatever else is loaded is somebody else's
        return next((file for file in found if "confluent_kafka" in file), found[0])
    raise NativeUnavailable(
        "no librdkafka is loaded in this process (Linux only; import confluent_kafka first)"
        if maps
        else "this system has no /proc/self/maps to find librdkafka by"
    )


def _compiled() -> Native:
    try:
        compiled: Native = importlib.import_module("loadgen.native._native")
    except ModuleNotFoundError:
        raise NativeUnavailable(
            "the C part was not compiled: install a C compiler and Python's headers, then install loadgen again"
        ) from None
    except ImportError as error:  # made for another machine, Python or C library
        raise NativeUnavailable(f"the C part cannot be loaded here: {error}") from None
    _check_newer_than_its_sources(Path(compiled.PLUGIN_PATH))
    return compiled


def _check_newer_than_its_sources(compiled: Path) -> None:
    """A checkout that was pulled and not installed again has calls in Python that its C part lacks.

    Only there: an installed package's files are as old as the installer's order of writing.
    """
    here = Path(__file__).parent
    if not (here.parents[1] / "pyproject.toml").exists():
        return
    if max(path.stat().st_mtime for path in here.glob("*.[ch]")) > compiled.stat().st_mtime:
        raise NativeUnavailable("the C part is older than its sources: make install compiles it again")
