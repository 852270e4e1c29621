"""Does anything that speaks Kafka answer here, without authentication? For brokers that were just started."""

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_SILENT = logging.getLogger("loadgen.brokers.silent")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


def answers(bootstrap: str, within_s: float, brokers: int = 1) -> bool:
    """Whether a metadata request is answered and names so many brokers at least."""
    client = AdminClient(
        {
            "bootstrap.servers": bootstrap,
            "reconnect.backoff.max.ms": "100",  # it is starting: look often
            "allow.auto.create.topics": "false",
            "enable.metrics.push": "false",
        },
        logger=_SILENT,
    )
    try:
        return len(client.list_topics(timeout=within_s).brokers) >= brokers
    except KafkaException:
        return False
