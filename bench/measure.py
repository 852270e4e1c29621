"""pyperf's one door: a case in, a benchmark with values, calibration and metadata out.

Goal: files that `pyperf compare_to`, `stats` and `hist` read; worker processes, each with its own hash seed and
memory layout; several passes over all cases, so that a slow minute of the machine touches every case a little and no
case altogether.
Non-goal: judging two serializers; pyperf's t-test takes values of one process for independent (`paired.py`).
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pyperf

from bench.cases import TIMER, Case, timer
from bench.record import write_whole


class Effort(NamedTuple):
    """How long to look at a case.

    Args:
        passes: over all cases.
        processes: per case and pass.
        values: per process, after one that is thrown away.
        min_time_s: of a value; calls are repeated until it is reached.
    """

    passes: int
    processes: int
    values: int
    min_time_s: float


FAST = Effort(passes=1, processes=3, values=3, min_time_s=0.01)
FULL = Effort(passes=3, processes=2, values=5, min_time_s=0.02)
RIGOROUS = Effort(passes=8, processes=4, values=9, min_time_s=0.04)

PRIVATE_METADATA = ("hostname", "python_executable", "python_config_args")
MACHINE_METADATA = (
    "cpu_model_name",
    "cpu_count",
    "cpu_affinity",
    "platform",
    "python_version",
    "python_compiler",
    "aslr",
    "timer",
)

WORKER_COMMAND = ("-m", "bench", "serializers")


class Measurement:
    """Measures cases pass by pass, and keeps what is finished in a file after each.

    Args:
        path: of the pyperf JSON; replaced as a whole after every case, so an interruption loses one case at most.
        effort: per case.
        metadata: of the whole suite, names to text or numbers.
        worker_arguments: that a worker process needs to know the cases, beside the name of its own.
    """

    def __init__(
        self,
        path: Path,
        effort: Effort,
        metadata: dict[str, str | int | float],
        worker_arguments: tuple[str, ...] = (),
    ) -> None:
        self._path = path
        self._effort = effort
        self._metadata = metadata | {"timer": TIMER}
        self._worker_arguments = worker_arguments
        self._benchmarks: dict[str, pyperf.Benchmark] = {}

    def run(self, cases: Iterable[Case], done: Callable[[int, Case, list[float]], None]) -> dict[str, str]:
        """Every case in every pass.

        Args:
            cases: checked ones.
            done: called after each with pass, case and one figure of each of its processes so far: the median of
                its values, in seconds.

        Returns:
            case name → why its worker failed; such a case is left out of later passes.
        """
        failures: dict[str, str] = {}
        for number in range(self._effort.passes):
            for case in cases:
                if case.name in failures:
                    continue
                try:
                    benchmark = self._measure(case)
                except (RuntimeError, SystemExit) as error:  # pyperf's words for a worker that did not end well
                    if isinstance(error.__context__, KeyboardInterrupt):  # pyperf turns it into sys.exit(1)
                        raise KeyboardInterrupt from error
                    failures[case.name] = f"its worker process failed: {error}"
                    continue
                self._keep(case, benchmark)
                done(number, case, [median(run.values) for run in self._benchmarks[case.name].get_runs() if run.values])
        return failures

    def machine(self) -> dict[str, str | int | float]:
        """What pyperf says about the machine and Python that the values come from; empty before the first."""
        for benchmark in self._benchmarks.values():
            metadata = benchmark.get_metadata()
            found = {name: metadata[name] for name in MACHINE_METADATA if name in metadata}
            return found | {"measured_at": benchmark.get_dates()[0].date().isoformat()}
        return {}

    def _measure(self, case: Case) -> Any:
        """A case once: pyperf starts workers as `python -m bench serializers --case NAME --worker …`."""
        runner = _new_runner_class()(
            program_args=WORKER_COMMAND,
            add_cmdline_args=lambda command, _: command.extend(["--case", case.name, *self._worker_arguments]),
            values=self._effort.values,
            processes=self._effort.processes,
            min_time=self._effort.min_time_s,
        )
        arguments = ["--quiet"]
        if case.name in self._benchmarks:  # calibrated in the first pass
            arguments += ["--loops", str(self._benchmarks[case.name].get_loops())]
        with contextlib.redirect_stdout(io.StringIO()):  # pyperf prints results; the table is ours
            runner.parse_args(arguments)
            return runner.bench_time_func(case.name, _timed_by_workers)

    def _keep(self, case: Case, benchmark: Any) -> None:
        benchmark.update_metadata(self._metadata)
        if case.name in self._benchmarks:
            self._benchmarks[case.name].add_runs(benchmark)
        else:
            self._benchmarks[case.name] = benchmark
        suite = io.StringIO()
        pyperf.BenchmarkSuite(list(self._benchmarks.values())).dump(suite)
        write_whole(self._path, json.dumps(_without_paths(json.loads(suite.getvalue()))) + "\n")


def _new_runner_class() -> Any:
    """pyperf allows one Runner a class (by its address) and process, and counts tasks per Runner: so each its own."""
    _RUNNER_CLASSES.append(type("CaseRunner", (pyperf.Runner,), {}))
    return _RUNNER_CLASSES[-1]


_RUNNER_CLASSES: list[type] = []
"""Every class that was made, lest its address be used again."""


def _without_paths(part: Any) -> Any:
    """pyperf's file without the name of the host and the paths of its Python: they say nothing about a figure."""
    if isinstance(part, list):
        return [_without_paths(inner) for inner in part]
    if isinstance(part, dict):
        return {key: _without_paths(inner) for key, inner in part.items() if key not in PRIVATE_METADATA}
    return part


def _timed_by_workers(calls: int) -> float:
    """Stands for the function to be timed in the process that starts workers; pyperf never calls it there."""
    raise AssertionError(f"{calls} calls were asked of the process that only starts workers")


def run_worker(case: Case, arguments: list[str]) -> None:
    """The worker's side: time one case as pyperf's arguments say and write the values to its pipe."""
    runner = pyperf.Runner(program_args=WORKER_COMMAND)
    runner.parse_args(arguments)
    runner.bench_time_func(case.name, timer(case))
