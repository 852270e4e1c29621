"""A mistake planted into every worker that finds this folder on its path: every tenth time that is to be recorded raises."""

import itertools
import sys
from collections.abc import Callable

if "loadgen.runner.worker" in sys.orig_argv:
    from loadgen.recorder.acks import Acks
    from loadgen.recorder.slab import Metric, Phase

    recorder = Acks._record

    def planted(self: Acks, phase: Phase, metric: Metric) -> Callable[[int], None]:
        record, calls = recorder(self, phase, metric), itertools.count(1)

        def record_or_raise(value_us: int) -> None:
            if metric is Metric.SERVICE and next(calls) % 10 == 0:
                raise RuntimeError("planted")
            record(value_us)

        return record_or_raise

    Acks._record = planted  # type: ignore[method-assign]
