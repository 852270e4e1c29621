"""structlog, behind one door. The names of events are stable; a script may search for them.

| event | level | fields |
| --- | --- | --- |
| message_delivered | debug | topic, partition, offset |
| delivery_failed | error | error, code, outcome, order_id, topic, tries, dead_lettered |
| delivery_failed_repeated, delivery_retried_repeated, order_refused_repeated | error | code, count: more of the same within a second |
| delivery_retried | warning | error, code, order_id, topic, tries |
| order_refused | error | error, code, order_id, topic, dead_lettered: at hand-over, never sent |
| dead_letter_lost | error | error, order_id: neither the topic nor the file took it |
| circuit_opened, circuit_half_open, circuit_closed | warning, info, info | why, opened |
| callback_raised | error | error, once for each kind of exception |
| client_error | warning | error, code: connection or broker, no record |
| no_signal_handlers | warning | reason: managed_publisher leaves signals to the program |
| publisher_closed | debug, or warning if not all were acknowledged | accepted, acked, failed, unknown, dead_lettered, left |
"""

import logging
from typing import Any, cast

import structlog

from loadgen.telemetry.hooks import Logger


def get_logger(name: str) -> Logger:
    """A structlog logger by that name, under the application's own configuration."""
    return cast(Logger, structlog.get_logger(name))


def debug_enabled(logger: Any) -> bool:
    """Whether a debug event would be written. Unconfigured structlog prints every level, a line for each record sent:
    so without a configuration, debug is off.
    """
    if not structlog.is_configured():
        return False
    for name in ("is_enabled_for", "isEnabledFor"):
        method = getattr(logger, name, None)
        if method is not None:
            return bool(method(logging.DEBUG))
    return True
