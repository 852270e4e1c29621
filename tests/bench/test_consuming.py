"""When a reading process is stopped and woken."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from bench.consuming import Stopper


@pytest.mark.parametrize(
    ("for_s", "expected"),
    [(10.0, [(3.0, signal.SIGSTOP), (13.0, signal.SIGCONT)]), (None, [(3.0, signal.SIGSTOP)])],
)
def test_a_reader_is_stopped_once_and_woken_once(
    monkeypatch: pytest.MonkeyPatch, for_s: float | None, expected: list[Any]
) -> None:
    """From the asked second on, for so long, or for good."""
    stopper, sent = Stopper(3.0, for_s), []
    monkeypatch.setattr(stopper, "_readers", lambda: [4242])
    for second in range(1, 21):
        monkeypatch.setattr(os, "kill", lambda pid, number, second=second: sent.append((float(second), number)))
        stopper.look(SimpleNamespace(second=float(second)))  # type: ignore[arg-type]

    assert sent == expected
