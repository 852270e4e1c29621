"""A gate as it is carried out: pairs run, the record as it grows, the answer.

Not here: what was asked (`gate_request`), the statistics and the engine (`judge`), printing (`cli/gate`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from loadgen.errors import LoadgenError, NotValid
from loadgen.experiments.gate_request import GateRequest
from loadgen.experiments.gate_runs import GateRuns
from loadgen.experiments.record import Recorder
from loadgen.judge.gate import GateRun, Pair, carry_out
from loadgen.judge.verdict import GateVerdict

OnPair = Callable[[Sequence[Pair], GateVerdict | None], None]


def run_gate(
    request: GateRequest,
    runs: GateRuns,
    recorder: Recorder,
    now_s: Callable[[], float],
    on_pair: OnPair | None = None,
) -> GateRun:
    """Run the pairs and write the record; whatever ends them early, it has what was finished.

    Raises:
        NotValid: as `judge.gate.carry_out`.
    """

    def after(pairs: Sequence[Pair], verdict: GateVerdict | None) -> None:
        recorder.write(steps=list(pairs), on_mock=runs.on_mock)
        if on_pair:
            on_pair(pairs, verdict)

    try:
        runs.first_runs()
        run = carry_out(request.plan, runs, now_s, after)
    except (KeyboardInterrupt, LoadgenError):
        recorder.write(state="interrupted")
        raise
    verdict = msgspec.structs.replace(run.verdict, doubts=[*request.doubts, *run.verdict.doubts])
    run = msgspec.structs.replace(run, verdict=verdict)
    recorder.write(state="done", answer=answer_of(run), on_mock=runs.on_mock)
    return run


def answer_of(run: GateRun) -> dict[str, Any]:
    """The gate's answer by the contract's keys."""
    verdict = run.verdict
    return {
        "verdict": verdict.verdict,
        "exit_code": verdict.exit_code,
        "metrics": verdict.metrics,
        "pairs": verdict.pairs,
        "alarm_error": verdict.alarm_error,
        "pass_error": verdict.pass_error,
        "stopped_by": run.stopped_by,
        "changed": run.changed,
        "doubts": verdict.doubts,
    }


def check_self_test(run: GateRun) -> None:
    """A gate that does not fire on a planted loss guards nothing.

    Raises:
        NotValid: it did not fire.
    """
    if run.verdict.verdict != "regressed":
        raise NotValid(
            f"self-test failed: a planted loss ended as {run.verdict.verdict}; this gate would not fire here. "
            "More pairs, longer runs, or wider limits (--calibrate)"
        )
