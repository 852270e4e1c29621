"""A run in the formats that others read: CSV rows, OpenMessaging Benchmark JSON, pyperf JSON.

Bytes out; the caller writes them. Which latency is which in OMB is in `omb`. Not here: latency.hlog, result.json.
"""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.properties import nearest
from loadgen.report import ground, wording
from loadgen.report.omb import omb
from loadgen.report.result import Interval
from loadgen.report.stored import Run


def parse(text: str) -> tuple[str, Path]:
    """`KIND=PATH` of --export.

    Raises:
        UsageError: no path, or a kind that is none of these.
    """
    kind, equals, path = text.partition("=")
    if kind not in KINDS:
        raise UsageError(f"--export {text!r}: {kind!r} is none of {', '.join(KINDS)}{nearest(kind, list(KINDS))}")
    if not equals or not path:
        raise UsageError(f"--export {text!r}: where to? write it like {kind}=PATH")
    return kind, Path(path)


def render(kind: str, run: Run) -> bytes:
    """The run in a format of KINDS."""
    return KINDS[kind](run)


def rows_as_csv(run: Run) -> bytes:
    """intervals.jsonl as CSV: one row a second, its keys as the header, an empty field where a value is null."""
    text = io.StringIO()
    names = Interval.__struct_fields__
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in run.intervals:
        writer.writerow([getattr(row, name) for name in names])
    return text.getvalue().encode("utf-8")


def omb_json(run: Run) -> bytes:
    """A result as OpenMessaging Benchmark and Redpanda's fork of it write it."""
    return msgspec.json.format(msgspec.json.encode(omb(run)), indent=2) + b"\n"


def pyperf_json(run: Run) -> bytes:
    """Seconds per message, one value for each whole second of the measured phase, readable by `pyperf compare_to`.

    Two benchmarks: `produce`, time ÷ acknowledged (in open loop the plan's own pace), and `produce, CPU`, worker CPU ÷
    acknowledged. Seconds of one run are not independent: what pyperf calls significant between two runs may only be
    the difference between two runs. A unit of messages a second does not exist in pyperf.
    """
    measured = [row for row in run.intervals if row.phase == "measured" and row.acked][1:]  # the first straddles
    times = [row.length_s / row.acked for row in measured]
    cpu = [row.cpu_share * row.length_s / row.acked for row in measured if row.cpu_share]
    mock = "MOCK " if run.result.broker.kind == "mock" else ""
    named = ((f"{mock}produce", times), (f"{mock}produce, CPU", cpu))
    document = {
        "version": "1.0",
        "metadata": _pyperf_metadata(run),
        "benchmarks": [
            {"metadata": {"name": name}, "runs": [{"values": values}]} for name, values in named if len(values) > 0
        ],
    }
    if not document["benchmarks"]:
        raise UsageError("--export pyperf: the run is too short, not one whole second was measured; a longer -d")
    return msgspec.json.encode(document) + b"\n"


def _pyperf_metadata(run: Run) -> Mapping[str, Any]:
    facts = run.result.environment
    told = {
        "unit": "second",
        "description": f"seconds per message; {ground.load(run.result)}"[:200],
        "hostname": facts.get("host"),
        "cpu_model_name": facts.get("cpu_model"),
        "platform": facts.get("os"),
        "python_version": facts.get("python"),
        "loadgen_version": facts.get("loadgen"),
        "librdkafka_version": run.result.client.librdkafka,
        "broker": ground.broker(run.result),
    }
    return {name: wording.clean(str(value)) for name, value in told.items() if value}


KINDS: dict[str, Callable[[Run], bytes]] = {"csv": rows_as_csv, "omb": omb_json, "pyperf": pyperf_json}
