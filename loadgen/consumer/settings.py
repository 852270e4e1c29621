"""What of a run's client properties a consumer takes, and what a consumer of ours adds."""

from collections.abc import Mapping

from loadgen.properties import RESERVED, table

REDACTED = "[redacted]"
FETCH_WAIT_MS = (
    500  # librdkafka's own: how long a broker with nothing to give may hold a fetch; it answers at a first byte
)

READING: dict[str, str] = {
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "enable.partition.eof": "true",  # markers and compacted offsets hold no record: only the end event tells the end
    "isolation.level": "read_uncommitted",  # the log as it is; an open transaction must not hide its end
    "check.crcs": "true",
    "fetch.message.max.bytes": "4194304",
    "queued.min.messages": "200000",
    "queued.max.messages.kbytes": "65536",
    "fetch.queue.backoff.ms": "5",  # by default a full queue is not fetched into for a whole second
    "allow.auto.create.topics": "false",
    "enable.metrics.push": "false",
}
"""To read everything once, fast, in whatever order partitions come."""


def consumer_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """Those of a producer's properties that mean something to a consumer: connection, security, sockets.

    Left out: the producer's own, what is redacted in a stored result, and what this program sets itself.
    """
    rows = table()
    return {
        name: value
        for name, value in properties.items()
        if name in rows and rows[name].side != "P" and name not in RESERVED and value != REDACTED
    }
