"""Which instrument times a run and which sender feeds it: C where it can, Python where it must, and the reason said once."""

import importlib
from typing import Literal

import msgspec

from loadgen.errors import UsageError
from loadgen.profile import RunSettings


class Instrument(msgspec.Struct, frozen=True):
    """The choice.

    Attributes:
        kind: "c" or "python".
        note: why it is Python although C was possible to ask for; None else.
    """

    kind: Literal["c", "python"]
    note: str | None

    def sender(self, settings: RunSettings) -> Literal["native", "python"]:
        """C sends what is pooled or stamped; events made in Python, own functions and headers go through Python."""
        if self.kind == "python" or settings.headers or settings.events.startswith("fresh"):
            return "python"
        return "python" if ":" in settings.events else "native"


def choose_instrument(settings: RunSettings) -> Instrument:
    """The instrument of a run.

    Raises:
        UsageError: `--instrument c` was asked and cannot be had.
    """
    if settings.instrument == "python":
        return Instrument("python", "timed in Python callbacks, as asked")
    reason = _why_not_c()
    if reason is None:
        return Instrument("c", None)
    if settings.instrument == "c":
        raise UsageError(
            f"--instrument c: {reason}; use --instrument python, whose latencies contain the wait for a poll"
        )
    return Instrument("python", f"timed in Python callbacks: {reason}")


def _why_not_c() -> str | None:
    native = importlib.import_module("loadgen.native")
    load = getattr(native, "load", None)
    if load is None:
        return "the C part is not in this installation"
    importlib.import_module("loadgen.producer.kafka")  # brings librdkafka into the process
    try:
        load()
    except native.NativeUnavailable as error:
        return str(error)
    return None
