"""A consumer client, made: its settings checked, its log kept off standard error."""

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from loadgen.consumer.settings import READING, consumer_properties
from loadgen.errors import UsageError

NOT_BY_WAITING = frozenset({-181, -169, -193})  # _SSL, _AUTHENTICATION, _RESOLVE do not cure themselves

log = logging.getLogger("loadgen.librdkafka")
log.addHandler(logging.NullHandler())  # else Python's last resort writes the client's log to standard error


def make_consumer(
    bootstrap: str,
    properties: Mapping[str, str],
    *,
    group: str | None = None,
    settings: Mapping[str, str] = READING,
    on_error: Callable[[KafkaError], None] | None = None,
) -> Consumer:
    """A consumer that commits nothing unless `settings` say so.

    Args:
        properties: a run's, from which a consumer's are taken.
        group: its group; None: a name of its own, which a client needs and an assigned one never joins.
        settings: what we add; it wins over `properties`.

    Raises:
        UsageError: librdkafka does not take a property.
    """
    quiet = logging.Logger(log.name)  # not registered: one a client, dropped with it
    quiet.addHandler(logging.NullHandler())
    given: dict[str, Any] = {
        **consumer_properties(properties),
        **settings,
        "bootstrap.servers": bootstrap,
        "group.id": group or f"loadgen-read-{secrets.token_hex(4)}",
    }
    if on_error is not None:
        given["error_cb"] = on_error
    try:
        return Consumer(given, logger=quiet)
    except (KafkaException, TypeError, ValueError) as error:
        cause = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise UsageError(f"the Kafka client does not take these properties: {cause}") from None
