"""A sweep over real runs: its record and its CSV as they grow, its answer."""

from collections.abc import Callable

import msgspec

from loadgen.errors import NotValid
from loadgen.experiments.grid import Combination, flags_with
from loadgen.experiments.guarded_runs import GuardedRuns
from loadgen.experiments.record import write_whole
from loadgen.experiments.sweep import SweepRun, carry_out
from loadgen.experiments.sweep_effects import SweepAnswer, answer_of
from loadgen.experiments.sweep_request import SweepRequest
from loadgen.experiments.sweep_text import as_csv
from loadgen.judge.reading import complaints, values


def run_sweep(
    request: SweepRequest, guarded: GuardedRuns, on_run: Callable[[list[SweepRun]], None]
) -> tuple[SweepAnswer, list[SweepRun]]:
    """Run the grid, writing the record and the CSV as it grows; a record with runs is gone on with.

    Raises:
        LoadgenError, KeyboardInterrupt: it ended early; the record can be resumed.
    """
    recorder = guarded.recorder
    done = [msgspec.convert(step, SweepRun) for step in recorder.experiment.steps]

    def run(combination: Combination, block: int, position: int) -> SweepRun:
        # one seed a block: within it every combination sends the same orders
        flags = {**flags_with(request.flags, combination), "seed": str(request.seed + block)}
        each_bytes = guarded.sent_bytes / max(len(recorder.experiment.runs), 1)
        outcome = guarded.run(flags, f"b{block + 1}-{position + 1}", ahead_bytes=each_bytes)
        problems = complaints(outcome.result, at_rate=request.at_rate)
        return SweepRun(
            block=block,
            position=position,
            combination=combination,
            metrics=values(outcome.result, request.metrics),
            complaint=problems[0] if problems else None,
            folder=outcome.folder,
        )

    def after(runs: list[SweepRun]) -> None:
        recorder.write(steps=list(runs))
        write_whole(recorder.path / "sweep.csv", as_csv(runs).encode())
        on_run(runs)

    guarded.warm_up(request.flags)
    runs = carry_out(request.parameters, request.repeat, run, seed=request.seed, done=done, on_run=after)
    found = answer_of(request.parameters, runs, request.metrics)
    recorder.write(state="done", answer=found)
    return found, runs


def exit_code(answer: SweepAnswer) -> int:
    """0; 5 when no run could stand in a comparison."""
    return 0 if answer.medians else NotValid.exit_code
