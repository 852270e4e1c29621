"""librdkafka's mock cluster through ctypes: the calls that confluent-kafka does not bind.

Goal: a cluster that speaks the Kafka protocol over TCP with nothing but the client library that is installed anyway.
Non-goal: anything on a load path; `mock.py` runs this in a process of its own.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadgen.errors import LoadgenError

PRODUCER = 0  # RD_KAFKA_PRODUCER: a cluster hangs on a client of either kind
_POINTER, _TEXT, _INT, _SHORT, _SIZE = (
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_int32,
    ctypes.c_int16,
    ctypes.c_size_t,
)
# name → (result, arguments): without them ctypes would cut 64-bit pointers to 32
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_new": (_POINTER, [_INT, _POINTER, _TEXT, _SIZE]),
    "rd_kafka_err2str": (_TEXT, [_INT]),
    "rd_kafka_mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "rd_kafka_mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "rd_kafka_mock_partition_set_leader": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "rd_kafka_mock_broker_set_rtt": (_INT, [_POINTER, _INT, _INT]),
    "rd_kafka_mock_broker_set_down": (_INT, [_POINTER, _INT]),
    "rd_kafka_mock_broker_set_up": (_INT, [_POINTER, _INT]),
    "rd_kafka_mock_push_request_errors_array": (None, [_POINTER, _SHORT, _SIZE, ctypes.POINTER(ctypes.c_int)]),
    "rd_kafka_mock_clear_request_errors": (None, [_POINTER, _SHORT]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_POINTER, _INT]),
}


def library_path() -> str:
    """The librdkafka that confluent_kafka has loaded into this process.

    Raises:
        LoadgenError: it is neither mapped nor beside the package, as when it was linked in statically.
    """
    import confluent_kafka

    maps = Path("/proc/self/maps")
    if maps.exists():
        for line in maps.read_text("utf-8", "replace").splitlines():
            if "librdkafka" in line:
                return line[line.index("/") :]
    package = Path(confluent_kafka.__file__).parent
    places = (package.parent / "confluent_kafka.libs", package / ".dylibs")  # wheels for Linux, for macOS
    for place in places:
        for found in sorted(place.glob("librdkafka*")):
            return str(found)
    raise LoadgenError(f"no librdkafka found for confluent-kafka in {package}; install its wheel from PyPI")


class Cluster:
    """A mock cluster in this process; it lives until the process ends, and one process holds one.

    A wrong broker, topic or partition raises ValueError with librdkafka's own words.
    """

    def __init__(self, brokers: int) -> None:
        if brokers < 1:
            raise LoadgenError(f"a mock cluster of {brokers} brokers answers nobody")
        self._library = ctypes.CDLL(library_path())
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        reason = ctypes.create_string_buffer(512)
        client = self._library.rd_kafka_new(PRODUCER, self._library.rd_kafka_conf_new(), reason, len(reason))
        if not client:
            raise LoadgenError(f"librdkafka made no client: {reason.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(client, brokers)
        if not self._cluster:
            raise LoadgenError(f"librdkafka made no mock cluster of {brokers} brokers")
        # 3 s by default, as a real cluster; nobody who uses a mock wants to wait for it
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def bootstrap(self) -> str:
        """host:port of every broker, comma between; the ports are librdkafka's choice."""
        answer: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return answer.decode()

    def create_topic(self, name: str, partitions: int, replication_factor: int) -> None:
        """Make a topic; librdkafka would else make one of 4 partitions at the first request for it."""
        self._check(
            self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, replication_factor)
        )

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition."""
        self._check(self._library.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker))

    def set_rtt_ms(self, broker: int, rtt_ms: int) -> None:
        """Every request to a broker is answered so much later; a new connection takes three of them."""
        self._check(self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, rtt_ms))

    def set_down(self, broker: int) -> None:
        """Close a broker's connections and refuse new ones."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, broker))

    def set_up(self, broker: int) -> None:
        """Take connections again."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, broker))

    def push_errors(self, api_key: int, codes: Sequence[int]) -> None:
        """The next requests of a kind are answered with these codes, one each; 0 in between is success."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(codes), array)

    def clear_errors(self, api_key: int) -> None:
        """Forget what was pushed for a kind of request."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def _check(self, code: int) -> None:
        if code:
            reason: bytes = self._library.rd_kafka_err2str(code)
            raise ValueError(reason.decode())
