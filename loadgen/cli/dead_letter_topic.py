"""Dead letters of a topic, for `loadgen dead-letters`: read to its present end; what was sent again is committed.

The committed offset of a group of its own says up to where everything was acknowledged. A letter that failed again holds
it back, and so do those behind it in its partition: they are then sent again by the next replay. Replays of a topic are
therefore at least once; a file notes every line for itself.
"""

from collections.abc import Iterator
from typing import Any

from loadgen.clock import SystemClock
from loadgen.consumer.client import make_consumer
from loadgen.consumer.topic import TopicGone, topic_extent
from loadgen.errors import Unreachable, UsageError
from loadgen.producer.dead_letter import letter_of_record
from loadgen.producer.library import place_in_topic
from loadgen.producer.replay import Filed

GROUP = "loadgen-dead-letters"
PARTITION_EOF = -191
PATIENCE_S = 30.0


class TopicLetters:
    """The letters of a topic that no replay has committed.

    Partitions are assigned and no group is joined: nothing has to be waited for, and nobody is rebalanced.

    Args:
        replaying: begin where the last replay ended; otherwise everything that is there is read.

    Raises:
        UsageError: there is no such topic.
        Unreachable: no answer, or the cluster says no.
    """

    def __init__(self, topic: str, bootstrap: str, properties: dict[str, str], *, replaying: bool) -> None:
        self.topic, self.bootstrap, self._replaying = topic, bootstrap, replaying
        try:
            extent = topic_extent(bootstrap, topic, properties)
        except TopicGone:
            raise UsageError(f"-t {topic}: no such topic on {bootstrap}") from None
        self._ends = {partition: end for partition, (begin, end) in extent.items() if end > begin}
        self._begins = {partition: extent[partition][0] for partition in self._ends}
        self._consumer: Any = make_consumer(bootstrap, properties, group=GROUP)
        self._seen: list[tuple[int, int, int]] = []  # number, partition, offset

    def __iter__(self) -> Iterator[Filed]:
        """Numbered as they come, to the end that the topic had when it was opened.

        Raises:
            Unreachable: nothing came for 30 s, or the topic cannot be read.
        """
        if self._replaying:
            self._skip_committed()
        remaining = set(self._begins)
        self._consumer.assign([place_in_topic(self.topic, one, self._begins[one]) for one in remaining])
        clock = SystemClock()
        number, progress_ns = 0, clock.now_ns()
        while remaining:
            message = self._consumer.poll(0.2)
            if message is None:
                if clock.now_ns() - progress_ns > PATIENCE_S * 1e9:
                    raise Unreachable(f"{self.bootstrap}: {self.topic} gave nothing for {PATIENCE_S:.0f} s")
                continue
            progress_ns = clock.now_ns()
            partition, error = message.partition(), message.error()
            if error is not None:
                if error.code() != PARTITION_EOF:
                    raise Unreachable(f"{self.bootstrap}: {self.topic}: {error.str()}")
                remaining.discard(partition)
            elif partition in remaining and message.offset() < self._ends[partition]:
                if message.offset() + 1 >= self._ends[partition]:
                    remaining.discard(partition)
                number += 1
                self._seen.append((number, partition, message.offset()))
                headers = message.headers() or []
                yield Filed(number, letter_of_record(message.key(), message.value(), headers, self.topic))

    def commit(self, settled: set[int]) -> None:
        """Commit, by partition, everything before the first letter that is not among those numbers."""
        reached: dict[int, int] = {}
        held_up: set[int] = set()
        for number, partition, offset in self._seen:
            if number not in settled:
                held_up.add(partition)
            elif partition not in held_up:
                reached[partition] = offset + 1
        if reached:
            places = [place_in_topic(self.topic, partition, offset) for partition, offset in reached.items()]
            self._consumer.commit(offsets=places, asynchronous=False)

    def close(self) -> None:
        """Let go of the client."""
        self._consumer.close()

    def _skip_committed(self) -> None:
        """Begin where the last replay ended; leave out partitions that have nothing since."""
        asked = [place_in_topic(self.topic, partition) for partition in self._begins]
        for place in self._consumer.committed(asked, timeout=PATIENCE_S) if asked else ():
            if place.offset >= self._ends[place.partition]:
                del self._begins[place.partition]
            elif place.offset > self._begins[place.partition]:
                self._begins[place.partition] = place.offset
