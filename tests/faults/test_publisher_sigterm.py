"""SIGTERM at a random moment of 100,000 orders: every accepted order is acked, dead-lettered or reported left."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadgen.brokers.admin import create_topic
from loadgen.brokers.target import Broker
from loadgen.producer.replay import read_dead_letters
from tests.producer.reading import read_topic

ORDERS = 100_000

PROGRAM = """
import json, signal, sys
from loadgen import managed_publisher
from loadgen.producer.errors import KafkaProducerError
from tests.producer.samples import Change, Heard

bootstrap, topic, letters, total, moment, drain_s = sys.argv[1:]
moment = int(moment)

def tell(number, frame):
    # called with the signal once the publisher has ended and put this handler back
    metrics = kept[0].metrics()
    print(json.dumps({"accepted": metrics.accepted, "acked": metrics.acked, "given_up": metrics.given_up,
                      "dead_lettered": metrics.dead_lettered, "left": metrics.outstanding + metrics.lost}), flush=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)

signal.signal(signal.SIGTERM, tell)
kept = []
with managed_publisher([bootstrap], topic, dead_letters=letters, drain_timeout=float(drain_s), logger=Heard()) as publisher:
    kept.append(publisher)
    for number in range(int(total)):
        publisher.publish_order(Change(f"order-{number}", number))
        if number == moment:
            print("now", flush=True)
    publisher.flush()
    print("done", flush=True)
    signal.pause()
"""


def end_in_the_middle(broker: Broker, topic: str, folder: Path, moment: int, drain_s: float) -> None:
    """One run of the program, ended when it has handed over about that many orders; the ledger against the topic."""
    create_topic(broker, topic, {}, partitions=6)
    letters = folder / "dead-letters.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, broker.bootstrap, topic, str(letters), str(ORDERS), str(moment), str(drain_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGTERM, err

    ledger = json.loads(out.splitlines()[-1])
    assert ledger["accepted"] > moment
    assert ledger["accepted"] == ledger["acked"] + ledger["dead_lettered"] + ledger["left"]
    assert ledger["dead_lettered"] == ledger["given_up"]
    kept = [filed.letter for filed in read_dead_letters(letters)] if letters.exists() else []
    assert len(kept) == ledger["dead_lettered"]
    read = [found.key for found in read_topic(broker.bootstrap, topic, ledger["acked"])]
    assert len(set(read)) == len(read), "an order is in the topic twice"
    unknown = {letter.key for letter in kept if letter.outcome == "unknown"}
    failed = {letter.key for letter in kept if letter.outcome == "failed"}
    assert not failed & set(read), "an order that was said to be failed is in the topic"
    assert len(set(read) - unknown) == ledger["acked"]
    written_or_kept = set(read) | {letter.key for letter in kept}
    assert written_or_kept >= {f"order-{number}".encode() for number in range(ledger["accepted"] - ledger["left"])}


def moments(seed: int, count: int) -> list[int]:
    return [random.Random(seed + one).randrange(ORDERS) for one in range(count)]


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.parametrize("moment", moments(1, 10))
def test_an_end_at_a_random_moment_loses_no_order(kafka: Broker, topic: str, tmp_path: Path, moment: int) -> None:
    """Ten moments, with time to drain: nothing lost, nothing twice."""
    end_in_the_middle(kafka, topic, tmp_path, moment, drain_s=10.0)


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(("moment", "drain_s"), [(moment, moment % 2 * 10.0) for moment in moments(100, 50)])
def test_fifty_more_half_of_them_without_time_to_drain(
    kafka: Broker, topic: str, tmp_path: Path, moment: int, drain_s: float
) -> None:
    """With a drain of 0 s everything in flight is laid down as unknown, and the ledger still closes."""
    end_in_the_middle(kafka, topic, tmp_path, moment, drain_s)
