"""A control call is tried again while waiting can help, and says nothing of it."""

from collections.abc import Iterator

import pytest
import stamina
from stamina import instrumentation

from loadgen.brokers import control_calls
from loadgen.brokers.control_calls import again


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    """stamina's own mode for tests: no waits, the number of tries as it stands in the code."""
    with stamina.set_testing(True, attempts=control_calls.TRIES):
        yield


class Flaky:
    """A control call that fails so often before it succeeds."""

    def __init__(self, failures: int) -> None:
        self.failures, self.calls = failures, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionError(f"try {self.calls}")
        return "done"


def passes(error: Exception) -> bool:
    return isinstance(error, ConnectionError)


def test_it_is_tried_again_until_it_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    """Its result is returned; nothing is printed, and hooks that the program set are there again."""
    before = instrumentation.get_on_retry_hooks()
    call = Flaky(control_calls.TRIES - 1)

    assert again(call, passes) == "done"
    assert call.calls == control_calls.TRIES
    assert capsys.readouterr() == ("", "")
    assert instrumentation.get_on_retry_hooks() == before


def test_one_that_goes_on_failing_gives_its_last_error() -> None:
    """Bounded by the number of tries."""
    with pytest.raises(ConnectionError, match=f"try {control_calls.TRIES}"):
        again(Flaky(99), passes)


def test_what_does_not_pass_is_raised_at_once() -> None:
    """A wrong password is as wrong a second later."""
    call = Flaky(99)
    with pytest.raises(ConnectionError, match="try 1"):
        again(call, lambda error: False)

    assert call.calls == 1
