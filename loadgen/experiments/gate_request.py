"""A gate from flags and gate.toml: settings put together, everything checked before anything runs.

Flags go before gate.toml, that before what was calibrated, that before the built-in limits. Not here: the runs
(`gate_runs`), the session and its record (`gate_session`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadgen.errors import UsageError
from loadgen.experiments.gate_calibration import calibration_doubts
from loadgen.experiments.gate_runs import DEFAULT_RATE, DEFAULT_RUN
from loadgen.judge.calibrate import CALIBRATION_PAIRS
from loadgen.judge.gate import GatePlan, Side
from loadgen.judge.gate_file import NAME, GateFile, read_gate_file
from loadgen.judge.limit import DEFAULT_LIMITS, Limit, parse_limit
from loadgen.judge.looks import DEFAULT_PAIRS, Looks, plan_looks
from loadgen.judge.variant import Variant, parse_variant, variant_of
from loadgen.profile import FIELDS, resolve
from loadgen.properties import nearest
from loadgen.quantities import Rate, parse_duration_s, parse_rate
from loadgen.report.result import Doubt

Mode = Literal["gate", "calibrate", "self-test"]


class GateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A gate, checked whole.

    Attributes:
        flags: of every run of both sides.
        pairs: the most of a gate; a calibration runs CALIBRATION_PAIRS and finds the limits for gates of so many.
        inconclusive: what an inconclusive gate means to the caller's CI.
        file: where a calibration is written.
        doubts: known before the first run.
    """

    mode: Mode
    plan: GatePlan
    flags: dict[str, Any]
    rate: Rate
    pairs: int
    inconclusive: Literal["fail", "pass"]
    file: Path
    doubts: list[Doubt]

    @property
    def looks(self) -> Looks:
        """Of the gates that it is, or that its calibration is for."""
        return plan_looks(self.pairs, tries=self.plan.tries)


def request_of(
    flags: Mapping[str, Any],
    *,
    baseline: str | None = None,
    candidate: str | None = None,
    fail_if: Sequence[str] = (),
    pairs: int | None = None,
    tries: int | None = None,
    budget: str | None = None,
    inconclusive: str | None = None,
    file: Path | None = None,
    mode: Mode = "gate",
) -> GateRequest:
    """A gate from flags and gate.toml.

    Args:
        flags: of `loadgen run`, as given.

    Raises:
        UsageError: everything that is wrong, before anything runs.
    """
    known = _file(file)
    settings = known.settings
    common = {**_run_table(known), **flags}
    rate = _rate(common.pop("rate", None) or settings.get("rate"))
    for name in ("slo", "ramp", "steps", "count", "verify"):
        if common.pop(name, None):
            raise UsageError(f"--{name} is not for a gate: both sides run flat out for -d, and at one rate with -r")
    sides = _variants(known, baseline, candidate, mode, common)
    limits = _limits(fail_if or known.limits or known.calibrated or DEFAULT_LIMITS, rate)
    tries = tries or settings.get("tries", 1)
    most = pairs or settings.get("pairs", DEFAULT_PAIRS)
    looks = plan_looks(most, tries=tries)
    if mode == "calibrate":
        # one look, after all pairs, that no verdict may end early
        looks = Looks((CALIBRATION_PAIRS,), 1e-9, 1e-9)
    said = budget or settings.get("budget")
    chosen = inconclusive or settings.get("inconclusive", "fail")
    if chosen not in {"fail", "pass"}:
        raise UsageError(f"--inconclusive {chosen}: must be fail or pass")
    plan = GatePlan(
        baseline=sides["baseline"],
        candidate=sides["candidate"],
        limits=limits,
        looks=looks,
        seed=int(common.get("seed") or settings.get("seed", 1)),
        budget_s=_duration(said) if said else None,
        tries=tries,
    )
    request = GateRequest(
        mode=mode,
        plan=plan,
        flags=common,
        rate=rate,
        pairs=most,
        inconclusive="pass" if chosen == "pass" else "fail",
        file=file or Path(NAME),
        doubts=calibration_doubts(limits, known, looks) if mode == "gate" else [],
    )
    _check_both(request)
    return request


def _file(file: Path | None) -> GateFile:
    if file is not None or Path(NAME).is_file():
        path = file or Path(NAME)
        # --calibrate may name a file that it is to make
        return read_gate_file(path) if path.exists() else GateFile(origin=str(path))
    return GateFile(origin="no gate.toml")


def _run_table(known: GateFile) -> dict[str, Any]:
    run = {key.replace("-", "_"): value for key, value in known.run.items()}
    properties = variant_of({"properties": run.pop("properties", {})}, f"{known.origin} [run]").properties
    wrong = [key for key in run if key not in FIELDS and key not in {"profile", "X"}]
    if wrong:
        problems = [f"{known.origin} [run]: unknown setting {key!r}{nearest(key, list(FIELDS))}" for key in wrong]
        raise UsageError(*problems)
    table: dict[str, Any] = {key: value if isinstance(value, list | bool) else str(value) for key, value in run.items()}
    if properties:
        table["X"] = [*table.get("X", []), *(f"{name}={value}" for name, value in properties.items())]
    return table


def _rate(given: Any) -> Rate:
    try:
        rate = parse_rate(str(given or DEFAULT_RATE))
    except ValueError as error:
        raise UsageError(f"-r {error}") from None
    if rate.kind == "bytes":
        raise UsageError(
            "-r of a gate is in events a second or percent, so that both sides are offered the same records"
        )
    return rate


def _duration(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"--budget {error}") from None


def _limits(written: Sequence[str], rate: Rate) -> list[Limit]:
    limits = [parse_limit(text) for text in written]
    if len({limit.metric for limit in limits}) < len(limits):
        raise UsageError("--fail-if names a metric twice; one limit a metric")
    if rate.kind == "max" and any(limit.metric.startswith("latency_us.") for limit in limits):
        raise UsageError("--fail-if of a latency needs an offered rate that is equal for both: -r 50% or -r 20k/s")
    return limits


def _variants(
    known: GateFile, baseline: str | None, candidate: str | None, mode: Mode, common: Mapping[str, Any]
) -> dict[Side, Variant]:
    first = (
        parse_variant(baseline, "--baseline")
        if baseline is not None
        else variant_of(known.baseline, f"{known.origin} [baseline]")
    )
    if mode == "calibrate":
        return {"baseline": first, "candidate": first}
    if mode == "self-test":
        return {"baseline": first, "candidate": planted(first, common)}
    second = (
        parse_variant(candidate, "--candidate")
        if candidate is not None
        else variant_of(known.candidate, f"{known.origin} [candidate]")
    )
    if first.named() == second.named() == set():
        raise UsageError(
            "both variants are the same: give --baseline and --candidate (profile, properties, serializer, bootstrap, "
            "python=PATH), or --calibrate to learn which limits this machine can hold"
        )
    return {"baseline": first, "candidate": second}


def planted(variant: Variant, common: Mapping[str, Any]) -> Variant:
    """The same variant with a real loss: every record made anew, or where that would change it, timed in Python."""
    merged = {**common, **variant.settings}
    own_records = merged.get("record_size") or merged.get("payload_file")
    slower = (
        {"instrument": "python"} if own_records or merged.get("events", "stamped") != "stamped" else {"events": "fresh"}
    )
    shown = ",".join(f"{key}={value}" for key, value in slower.items())
    return msgspec.structs.replace(
        variant, settings={**variant.settings, **slower}, text=f"{variant.text}, with a planted loss: {shown}"
    )


def _check_both(request: GateRequest) -> None:
    """Both sides' settings through the same check as a run's own, so that nothing is found out after an hour."""
    problems: list[str] = []
    for side in ("baseline", "candidate"):
        variant = request.plan.baseline if side == "baseline" else request.plan.candidate
        flags = {**DEFAULT_RUN, **request.flags, **variant.settings}
        if "bootstrap_server" in variant.settings:
            flags.pop("start", None)
        flags["X"] = [*flags.get("X", []), *(f"{name}={value}" for name, value in variant.properties.items())]
        try:
            resolve(flags)
        except UsageError as error:
            problems += [f"{side}: {problem}" for problem in error.problems]
    if problems:
        raise UsageError(*dict.fromkeys(problems))


def rule_of(request: GateRequest) -> dict[str, Any]:
    """What was asked, for experiment.json."""
    plan = request.plan
    return {
        "mode": request.mode,
        "fail_if": [limit.text for limit in plan.limits],
        "baseline": plan.baseline,
        "candidate": plan.candidate,
        "looks": plan.looks,
        "seed": plan.seed,
        "tries": plan.tries,
        "budget_s": plan.budget_s,
        "inconclusive": request.inconclusive,
        "flags": {name: value for name, value in request.flags.items() if name != "X"},
    }
