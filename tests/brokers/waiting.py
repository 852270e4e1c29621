"""Waiting for a condition, and for a process to be gone, without sleeping for a guess."""

import threading
import time
from collections.abc import Callable

import psutil


def wait_until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Return when the condition holds; fail when it does not within a time."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        pause.wait(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has collected yet counts as ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
