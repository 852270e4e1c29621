"""What surrounds a run and is not measured by it."""

from dataclasses import dataclass
from typing import Any

from loadgen.consumer.beside import Told
from loadgen.profile import RunSettings
from loadgen.report.result import BrokerRecord, PayloadFile, Verified


@dataclass(frozen=True)
class Circumstances:
    """What surrounds a run and is not measured by it.

    Attributes:
        versions: of confluent_kafka and librdkafka.
        end_offset_delta: how far the topic's log grew; None when it could not be asked.
        names: librdkafka's error names by code.
        ceiling_per_s: what this host can send, None when it was never measured.
        verified: what reading everything back found, when it was asked.
        read: what consumer groups beside the run read.
    """

    run_id: str
    command: list[str]
    settings: RunSettings
    broker: BrokerRecord
    versions: tuple[str, str]
    instrument_note: str | None
    payload_file: PayloadFile | None
    environment: dict[str, Any]
    end_offset_delta: int | None
    names: dict[int, str]
    ceiling_per_s: float | None
    unreachable: str | None
    verified: Verified | None
    read: Told | None
