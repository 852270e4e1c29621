"""Runs that never happen: a door whose results are simulated, saved as a real run's folder is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadgen.experiments.run_door import Request, RunOutcome


class SimulatedDoor:
    """Answers each request by a function of its flags; keeps what was asked.

    Args:
        answer: flags → result as plain data.
        intervals: flags → one-second rows.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], dict[str, Any]],
        intervals: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda flags: [],
    ) -> None:
        self.answer, self.intervals = answer, intervals
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> RunOutcome:
        self.requests.append(request)
        data = self.answer(request.flags)
        folder = Path(request.folder)
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(data))
        return RunOutcome(result=data, intervals=self.intervals(request.flags), folder=request.folder)
