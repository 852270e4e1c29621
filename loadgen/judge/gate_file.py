"""gate.toml: a gate that lives beside the code it guards; and the block that `--calibrate` writes into it.

    fail_if = ["throughput.acked_per_s-10%", "cost.cpu_us_per_message+10%"]
    pairs = 16            # also: tries, budget, inconclusive, seed, rate

    [run]                 # settings of `loadgen run` for both sides
    start = "kafka"

    [baseline]            # what each side has of its own
    python = "released/bin/python"

    [candidate]

Flags go before the file, the file before what was calibrated, that before the built-in limits. The calibrated block is
replaced as text, so that comments and order of everything else stay as they were written.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from loadgen.errors import UsageError
from loadgen.judge.calibrate import Calibrated
from loadgen.profile.toml_file import read_toml
from loadgen.properties import nearest

NAME = "gate.toml"
_PLAIN = {"fail_if": list, "pairs": int, "tries": int, "budget": str, "inconclusive": str, "seed": int, "rate": str}
_TABLES = ("run", "baseline", "candidate", "calibrated")
_BLOCK = re.compile(r"\n*# made by: loadgen gate --calibrate\n\[calibrated\]\n(?:(?!\[).*\n?)*", re.MULTILINE)


class GateFile(msgspec.Struct, frozen=True, kw_only=True):
    """A gate.toml as it is, nothing resolved.

    Attributes:
        limits: of `fail_if`, as they were written; None: not given.
        calibrated: the limits of the calibrated block; the machine they were found on; the pairs' spread by metric.
    """

    origin: str
    limits: list[str] | None = None
    settings: dict[str, Any] = {}
    run: dict[str, Any] = {}
    baseline: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    calibrated: list[str] = []
    calibrated_on: str | None = None
    spreads: dict[str, float] = {}


def read_gate_file(path: Path) -> GateFile:
    """A gate.toml.

    Raises:
        UsageError: unreadable, not TOML (with the line), or keys and types that no gate has, all of them named.
    """
    table = read_toml(path, "gate file")
    problems: list[str] = []
    for key, value in table.items():
        if key in _TABLES:
            if not isinstance(value, dict):
                problems.append(f"{path}: {key} must be a table: [{key}]")
        elif key not in _PLAIN:
            problems.append(f"{path}: unknown key {key!r}{nearest(key, [*_PLAIN, *_TABLES])}")
        elif not isinstance(value, _PLAIN[key]) or isinstance(value, bool):
            problems.append(f"{path}: {key} = {value!r} must be a {_PLAIN[key].__name__}")
    limits = table.get("fail_if")
    if isinstance(limits, list) and not all(isinstance(text, str) for text in limits):
        problems.append(f"{path}: fail_if must be a list of texts like throughput.acked_per_s-10%")
    calibrated = table.get("calibrated", {})
    if isinstance(calibrated, dict) and not isinstance(calibrated.get("fail_if", []), list):
        problems.append(f"{path}: [calibrated] fail_if must be a list; make it again with --calibrate")
    spreads = calibrated.get("spread", {}) if isinstance(calibrated, dict) else {}
    if not isinstance(spreads, dict) or not all(isinstance(value, float) and value >= 0 for value in spreads.values()):
        problems.append(f"{path}: [calibrated] spread must be numbers by metric; make it again with --calibrate")
    if problems:
        raise UsageError(*problems)
    return GateFile(
        origin=str(path),
        limits=limits,
        settings={key: table[key] for key in _PLAIN if key in table and key != "fail_if"},
        run=table.get("run", {}),
        baseline=table.get("baseline", {}),
        candidate=table.get("candidate", {}),
        calibrated=list(calibrated.get("fail_if", [])),
        calibrated_on=calibrated.get("machine"),
        spreads=calibrated.get("spread", {}),
    )


def with_calibration(text: str, found: Sequence[Calibrated], machine: str, when: str) -> str:
    """The text of a gate.toml with its calibrated block made anew, at the end, where a table may stand.

    Args:
        text: the file as it is; empty: a new one.
        machine: the kind of runner it holds for.
    """
    limits = ",\n".join(f'    "{calibrated.limit.text}"' for calibrated in found)
    spreads = "".join(f"spread.{_quoted(one.metric)} = {one.spread:.4g}  # of {one.pairs} pairs\n" for one in found)
    block = (
        "# made by: loadgen gate --calibrate\n[calibrated]\n"
        f"fail_if = [\n{limits},\n]\nmachine = {_quoted(machine)}\nat = {_quoted(when)}\n{spreads}"
    )
    kept = _BLOCK.sub("\n", text).rstrip()
    return f"{kept}\n\n{block}" if kept else block


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return msgspec.json.encode(text).decode()
