"""pyperf's one door: a case in, a benchmark with values, calibration and metadata out.

Goal: files that `pyperf compare_to`, `stats` and `hist` read; worker processes, each with its own hash seed and
memory layout; several passes over all cases, so that a slow minute of the machine touches every case a little and no
case altogether.
Non-goal: judging two serializers; pyperf's t-test takes values of one process for independent (`paired.py`).
"""

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyperf

from bench.cases import Case, timer


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


FAST = Effort(passes=1, processes=3, values=2, min_time_s=0.01)
FULL = Effort(passes=4, processes=3, values=3, min_time_s=0.05)
RIGOROUS = Effort(passes=8, processes=4, values=4, min_time_s=0.1)

PRIVATE_METADATA = ("hostname", "python_executable")

WORKER_COMMAND = ("-m", "bench", "serializers")


class Measurement:
    """Measures cases pass by pass, and keeps what is finished in a file after each.

    Args:
        path: of the pyperf JSON; replaced as a whole after every case, so an interruption loses one case at most.
        effort: per case.
        metadata: of the whole suite, names to text or numbers.
    """

    def __init__(self, path: Path, effort: Effort, metadata: dict[str, str | int | float]) -> None:
        self._path = path
        self._effort = effort
        self._metadata = metadata
        self._benchmarks: dict[str, pyperf.Benchmark] = {}
        self._runner_classes: list[Any] = []

    def run(self, cases: Iterable[Case], progress: Callable[[int, Case, float], None]) -> dict[str, str]:
        """Every case in every pass.

        Args:
            cases: checked ones.
            progress: called after each with pass, case and its median so far in seconds.

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
                progress(number, case, self._benchmarks[case.name].median())
        return failures

    def _measure(self, case: Case) -> Any:
        """A case once: pyperf starts workers as `python -m bench serializers --case NAME --worker …`."""
        # pyperf allows one Runner a class (by its address) and process, and counts tasks per Runner: so each time a
        # class of its own, which must stay alive lest its address be used again.
        self._runner_classes.append(type("CaseRunner", (pyperf.Runner,), {}))
        runner = self._runner_classes[-1](
            program_args=WORKER_COMMAND,
            add_cmdline_args=lambda command, _: command.extend(["--case", case.name]),
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


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader, or an interruption, meets the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _without_paths(part: Any) -> Any:
    """pyperf's file without the name of the host and the path of its Python: they say nothing about a figure."""
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


def read_process_means(path: Path) -> dict[str, list[float]]:
    """Case name → the mean of each process in seconds: processes are what repeats independently."""
    suite = pyperf.BenchmarkSuite.load(str(path))
    return {
        benchmark.get_name(): [sum(run.values) / len(run.values) for run in benchmark.get_runs() if run.values]
        for benchmark in suite.get_benchmarks()
    }


def read_machine(path: Path) -> dict[str, str | int | float]:
    """What pyperf says about the machine and Python that a file's values come from; empty without a file."""
    if not path.exists():
        return {}
    metadata = pyperf.BenchmarkSuite.load(str(path)).get_metadata()
    names = ("cpu_model_name", "cpu_count", "platform", "python_version", "python_compiler", "aslr", "cpu_config")
    return {name: metadata[name] for name in names if name in metadata}
