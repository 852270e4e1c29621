"""structlog: names that scripts may search for, and silence where nobody asked."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

import loadgen
from loadgen.clock import ManualClock
from loadgen.producer.memory import Answer, MemoryTransport
from loadgen.producer.sync_publisher import OrderEventPublisher
from loadgen.telemetry import log
from loadgen.telemetry.log import debug_enabled, get_logger
from tests.producer.samples import order


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Each test begins and ends without a configuration."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def test_without_a_configuration_debug_is_off() -> None:
    """structlog would print a line for every order."""
    assert not debug_enabled(get_logger("x"))


@pytest.mark.parametrize(("level", "on"), [(logging.DEBUG, True), (logging.INFO, False)])
def test_a_configuration_decides(level: int, on: bool) -> None:
    """By its level."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))

    assert debug_enabled(get_logger("x")) is on


def test_loggers_of_the_standard_library_decide_too() -> None:
    """structlog in front of logging."""
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
    logging.getLogger("test-level").setLevel(logging.WARNING)

    assert not debug_enabled(structlog.get_logger("test-level"))
    logging.getLogger("test-level").setLevel(logging.DEBUG)
    assert debug_enabled(structlog.get_logger("test-level"))


def test_a_logger_that_cannot_say_gets_everything() -> None:
    """Right before fast."""
    structlog.configure()

    assert debug_enabled(object())


def test_the_documents_events() -> None:
    """delivery_failed(error) and message_delivered(partition, offset)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    script = [Answer(), Answer(), Answer(0, 29)]
    clock = ManualClock()
    transport = MemoryTransport(lambda number: script[number], clock=clock)
    with capture_logs() as events:
        publisher = OrderEventPublisher(["memory:1"], "orders", transport=transport, clock=clock)
        for name in "abc":
            publisher.publish_order(order(name))
        publisher.flush()

    delivered = [event for event in events if event["event"] == "message_delivered"]
    failed = [event for event in events if event["event"] == "delivery_failed"]
    assert (delivered[-1]["log_level"], delivered[-1]["partition"], delivered[-1]["offset"]) == ("debug", 0, 1)
    assert (failed[0]["log_level"], failed[0]["error"]) == ("error", "TOPIC_AUTHORIZATION_FAILED")


def test_every_event_that_is_logged_is_documented() -> None:
    """The table in log.py has each name that the sources use."""
    documented = log.__doc__ or ""
    package = Path(loadgen.__file__).parent
    used: set[str] = set()
    for path in (package / "producer").glob("*.py"):
        text = path.read_text("utf-8")
        used |= set(re.findall(r'logger\.(?:debug|info|warning|error)\(\s*"(\w+)"', text))
        used |= set(re.findall(r'log_(?:some|once)\(\s*"\w+",\s*"(\w+)"', text))
        used |= set(re.findall(r'\blog\(\s*"(\w+)"', text))
        used |= set(re.findall(r'get_logger\(__name__\)\.\w+\("(\w+)"', text))

    assert len(used) > 8
    assert {name for name in used if name not in documented} == set()
