"""A control call (an offset, a topic's shape) tried again while its answer can change by itself. The door to stamina.

Non-goal: records. librdkafka tries those again, and after it `producer.retry`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

TRIES, TOTAL_S = 6, 10.0
WAIT_S, WAIT_S_MAX = 0.1, 2.0  # doubling, with jitter


def again(call: Callable[[], Result], passes: Callable[[Exception], bool]) -> Result:
    """The result of a control call.

    Args:
        passes: whether an exception is of a kind that can pass by itself.

    Raises:
        the last exception, when it does not pass, or the tries or the time are used up.
    """
    import stamina  # 50 ms, and no worker asks anything

    with _untold():
        for attempt in stamina.retry_context(
            on=passes, attempts=TRIES, timeout=TOTAL_S, wait_initial=WAIT_S, wait_max=WAIT_S_MAX
        ):
            with attempt:
                return call()
    raise AssertionError("never reached: the last attempt returns or raises")


@contextmanager
def _untold() -> Iterator[None]:
    """Without stamina's hooks, which print where structlog is not configured: standard output is a result's alone."""
    from stamina import instrumentation

    before = instrumentation.get_on_retry_hooks()
    instrumentation.set_on_retry_hooks(())
    try:
        yield
    finally:
        instrumentation.set_on_retry_hooks(before)
