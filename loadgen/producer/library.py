"""The client library in use: its versions, its names for error codes, its way of naming a place in a topic."""

from functools import lru_cache

import confluent_kafka


def client_versions() -> tuple[str, str]:
    """(confluent-kafka, librdkafka), as both say of themselves."""
    return str(confluent_kafka.version()), str(confluent_kafka.libversion()[0])


@lru_cache(maxsize=1)
def error_names() -> dict[int, str]:
    """librdkafka's name of each error code, such as −192 → _MSG_TIMED_OUT."""
    constants = vars(confluent_kafka.KafkaError).items()
    return {code: name for name, code in constants if isinstance(code, int) and name.isupper()}


def place_in_topic(topic: str, partition: int, offset: int | None = None) -> confluent_kafka.TopicPartition:
    """A partition, and an offset in it, as consumers of the library want to be told."""
    return confluent_kafka.TopicPartition(
        topic, partition, confluent_kafka.OFFSET_INVALID if offset is None else offset
    )
