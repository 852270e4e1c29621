"""`loadgen dead-letters`: what could not be delivered, listed, and sent again to where it was meant to go."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from loadgen.brokers.allowed import allowed_members
from loadgen.brokers.target import start_broker
from loadgen.cli.dead_letter_topic import TopicLetters
from loadgen.cli.reaching import settings_to_reach
from loadgen.clock import SystemClock
from loadgen.errors import UsageError
from loadgen.producer.drain import drain as drain_all
from loadgen.producer.errors import KafkaProducerError, delivery_error
from loadgen.producer.kafka import KafkaTransport
from loadgen.producer.replay import Filed, FileLetters, hand_over

app = App(name="dead-letters", help="Orders that could not be delivered: list, replay.")

SHOWN_FAILURES = 5

Cluster = Annotated[
    str | None,
    Parameter(
        name=["-b", "--bootstrap-server", "--bootstrap-servers", "--brokers"],
        help="HOST:PORT,… of the cluster; else LOADGEN_BOOTSTRAP_SERVERS, RPK_BROKERS.",
    ),
]
Topic = Annotated[str | None, Parameter(name=["-t", "--topic"], help="A dead letter topic, instead of a file.")]
Properties = Annotated[
    list[str] | None, Parameter(name=["-X", "--command-property"], help="librdkafka property key=value.")
]
Json = Annotated[str | None, Parameter(allow_leading_hyphen=True, help="- for JSON on stdout and nothing else there.")]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to.

    Attributes:
        letters: that there are; replayed_before: acknowledged in an earlier replay.
        replayed: acknowledged now; failed: by librdkafka's name, they stay dead letters.
        unknown_left_out: that may be in their topic already; --also-unknown sends them.
        unanswered: handed over without an answer by the end.
    """

    schema: str = "loadgen.dead-letters/1"
    letters: int
    replayed_before: int
    replayed: int
    failed: dict[str, int]
    unknown_left_out: int
    unanswered: int


@app.command(name="list")
def list_letters(
    file: Path | None = None,
    /,
    *,
    topic: Topic = None,
    bootstrap_server: Cluster = None,
    X: Properties = None,  # noqa: N803  # named as the flag is
    json: Json = None,
) -> int:
    """Every letter, a line each, and how many there are by cause."""
    causes: Counter[tuple[str, str]] = Counter()
    source = _source(file, topic, bootstrap_server, X, replaying=False)
    replayed = source.replayed if isinstance(source, FileLetters) else set()
    try:
        for filed in source:
            letter = filed.letter
            causes[letter.code, letter.outcome] += 1
            if json == "-":
                sys.stdout.write(msgspec.json.encode(letter).decode() + "\n")
            else:
                mark = "replayed" if filed.line in replayed else letter.outcome
                when = letter.last_at.isoformat(timespec="seconds")
                order = _printable(letter.order_id or "-")
                print(f"{filed.line:>6}  {when}  {mark:<8}  {letter.code:<28}  {_printable(letter.topic)}  {order}")
    finally:
        source.close()
    if json != "-":
        print(f"{causes.total()} dead letters" + "".join(f", {n} {c} ({o})" for (c, o), n in causes.most_common()))
    return 0


@app.command
def replay(
    file: Path | None = None,
    /,
    *,
    topic: Topic = None,
    bootstrap_server: Cluster = None,
    also_unknown: Annotated[
        bool, Parameter(negative=(), help="Also those that may be in their topic already: can write them twice.")
    ] = False,
    drain: Annotated[str, Parameter(name="--drain", help="How long to wait for the last answers.")] = "30s",
    confirm: Annotated[str | None, Parameter(help="The cluster id, for clusters that are not local.")] = None,
    allow_unsafe: Annotated[
        bool | None, Parameter(negative=(), help="Let a password go over a network in the clear.")
    ] = None,
    X: Properties = None,  # noqa: N803  # named as the flag is
    json: Json = None,
) -> int:
    """Send letters again, each to its own topic, with its own key, value and headers.

    A letter is sent again once: what was acknowledged is noted, beside the file or as the committed offset of group
    loadgen-dead-letters. A cluster that is not local takes --confirm, as for a run. Exit 0 when none failed, 3 when some
    did; those stay where they are.
    """
    if json not in (None, "-"):
        raise UsageError(f"--json {json}: - is possible; > FILE writes it to a file")
    given = {"bootstrap_server": bootstrap_server, "X": X, "drain": drain}
    settings = settings_to_reach({**given, "confirm": confirm, "allow_unsafe": allow_unsafe})
    assert settings.bootstrap is not None
    with start_broker("external", bootstrap=settings.bootstrap) as cluster:
        allowed_members(cluster, settings.properties, confirm=confirm, allow_unsafe=bool(allow_unsafe))
    source = _source(file, topic, bootstrap_server, X, replaying=True)
    transport = KafkaTransport({**settings.properties, "bootstrap.servers": settings.bootstrap})
    sending, clock = _Sending(source, also_unknown=also_unknown), SystemClock()
    try:
        handed_over = hand_over(sending.chosen(transport), transport, sending.result)
        deadline_ns = clock.now_ns() + round(settings.drain_s * 1e9)
        left = drain_all(transport, lambda: handed_over - sending.results, deadline_ns, clock)
        if isinstance(source, TopicLetters):
            source.commit(sending.settled)
    finally:
        transport.close(1.0)
        source.close()
    outcome = sending.outcome(left)
    _tell(outcome, sending, json)
    return 3 if outcome.failed or left else 0


class _Sending:
    """Keeps count of a replay, and notes what was acknowledged."""

    def __init__(self, source: "FileLetters | TopicLetters", *, also_unknown: bool) -> None:
        self.source, self.also_unknown = source, also_unknown
        self.before = source.replayed if isinstance(source, FileLetters) else frozenset[int]()
        self.results = self.letters = self.skipped = self.left_out = 0
        self.failed: Counter[str] = Counter()
        self.failures: list[str] = []
        self.settled: set[int] = set()

    def chosen(self, transport: KafkaTransport) -> Iterator[Filed]:
        """Those to send now; the first also finds out whether the cluster answers."""
        first = True
        for filed in self.source:
            self.letters += 1
            if filed.line in self.before:
                self.skipped += 1
            elif filed.letter.outcome == "unknown" and not self.also_unknown:
                self.left_out += 1
            else:
                if first:
                    transport.prime(filed.letter.topic, 10.0)
                    first = False
                yield filed

    def result(self, filed: Filed, error: Any) -> None:
        """The answer to one; within poll()."""
        self.results += 1
        if error is None:
            self.settled.add(filed.line)
            if isinstance(self.source, FileLetters):
                self.source.note_replayed(filed.line)
            return
        known = error if isinstance(error, KafkaProducerError) else delivery_error(error.code(), error.str())
        self.failed[known.name] += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append(f"line {filed.line}, order {_printable(filed.letter.order_id or '-')}: {known}")

    def outcome(self, left: int) -> Outcome:
        return Outcome(
            letters=self.letters,
            replayed_before=self.skipped,
            replayed=len(self.settled),
            failed=dict(self.failed),
            unknown_left_out=self.left_out,
            unanswered=left,
        )


def _source(
    file: Path | None, topic: str | None, bootstrap: str | None, properties: list[str] | None, *, replaying: bool
) -> "FileLetters | TopicLetters":
    """What was named, opened."""
    if (file is None) == (topic is None):
        raise UsageError("name a file of dead letters, or a topic with -t; one of the two")
    if file is not None:
        return FileLetters(file)
    assert topic is not None
    settings = settings_to_reach({"bootstrap_server": bootstrap, "X": properties})
    assert settings.bootstrap is not None
    return TopicLetters(topic, settings.bootstrap, settings.properties, replaying=replaying)


def _tell(outcome: Outcome, sending: _Sending, json: str | None) -> None:
    if json == "-":
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
        return
    print(f"{outcome.replayed} of {outcome.letters} dead letters sent again", end="")
    print(f", {outcome.replayed_before} were before" if outcome.replayed_before else "")
    if outcome.unknown_left_out:
        print(f"  {outcome.unknown_left_out} left out: they may be in their topic already; --also-unknown sends them")
    for name, count in outcome.failed.items():
        print(f"  {count} failed again: {name}")
    for line in sending.failures:
        print(f"    {line}")
    if outcome.unanswered:
        print(f"  {outcome.unanswered} without an answer")


def _printable(text: str) -> str:
    """Ids come from outside: nothing that moves a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:80]
