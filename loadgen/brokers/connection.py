"""An admin client that says quickly and clearly why it gets no answer.

librdkafka's calls wait out their whole time-out whatever is wrong, and then say "transport failure". The reason comes
within milliseconds, but only to the error callback and the log, and only while somebody polls: so this polls.
"""

import logging
import re
import time
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from loadgen.brokers.tls import handshake_trouble
from loadgen.errors import Unreachable, UsageError
from loadgen.properties import HIDDEN, canonical, table

T = TypeVar("T")

ANSWER_WITHIN_S = 8.0  # with the start of the command, and a look at TLS, no more than 10 s
# Refused or unresolved may pass (a first try at ::1, a broker coming up), a wrong password does not.
GRACE_S = 3.0
POLL_S = 0.02
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)
_FINAL = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_BY_WEIGHT = (*_FINAL, KafkaError._RESOLVE, KafkaError._TRANSPORT)


def connection_properties(bootstrap: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """What an admin or reading client needs of a producer's settings: how to connect, not how to send.

    Idempotence, for one, would make it ask the cluster for a producer id.
    """
    shared = {
        name: value
        for name, value in properties.items()
        if canonical(name) in table() and table()[canonical(name)].side == "*"
    }
    return shared | {
        "bootstrap.servers": bootstrap,
        "allow.auto.create.topics": "false",  # a question must not make a topic
        "enable.metrics.push": "false",
    }


class Connection:
    """One admin client to one cluster, for a handful of questions inside a `with`.

    The client is destroyed at the end of the block, on this thread: nothing but this object refers to it, and no cycle
    leads back. Left to the cycle collector it could be destroyed on its own thread, where librdkafka sets the futures
    and Python code therefore runs; librdkafka then aborts the process ("calling rd_kafka_destroy() from librdkafka owned
    thread is prohibited"; seen once in some thousand questions).

    Raises:
        UsageError: the properties cannot be used (a missing CA file, a key that is not the certificate's).
    """

    def __init__(self, bootstrap: str, properties: Mapping[str, str], answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self.bootstrap, self.properties = bootstrap, properties
        self.answer_within_s = answer_within_s
        self._heard = _Heard()
        settings = connection_properties(bootstrap, properties) | {"error_cb": self._heard.error}
        try:
            self.client = AdminClient(settings, logger=self._heard.log.logger)
        except KafkaException as error:
            raise UsageError(f"client properties: {self._without_secrets(error.args[0].str())}") from None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.client  # the only reference: librdkafka's threads have ended when this returns

    def wait(self, answer: "Future[T]") -> T:
        """The answer to a question.

        Raises:
            Unreachable: no connection, wrong password, untrusted certificate, not allowed, or no answer in time.
            KafkaException: the cluster answered with another error; the caller knows what it means.
        """
        deadline_ns = time.monotonic_ns() + round(self.answer_within_s * 1e9)
        while not answer.done():
            self.client.poll(POLL_S)
            now_ns = time.monotonic_ns()
            if self._heard.hopeless(now_ns) or now_ns > deadline_ns:
                raise Unreachable(self.reason())
        try:
            return answer.result()
        except KafkaException as error:
            if error.args[0].code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise Unreachable(self.reason()) from None
            raise

    def reason(self) -> str:
        """Why there was no answer: what, where, and what to look at."""
        code, words = self._heard.weightiest()
        logged = self._heard.log.last
        said = _shortened(words) or logged
        if code == KafkaError._AUTHENTICATION:
            text = f"authentication failed: {said}; check sasl.mechanisms, sasl.username and sasl.password"
        elif code == KafkaError._SSL:
            text = (
                handshake_trouble(_address(words) or self.bootstrap, self.properties)
                or f"TLS failed: {said}; check ssl.ca.location"
            )
        elif code == KafkaError._RESOLVE:
            text = f"{said}; check the host name"
        elif "refused" in said:
            text = f"{said}; is a broker running there?"
        elif re.search(r"disconnected|tls alert", f"{said} {logged}", re.I):
            secure = self.properties.get("security.protocol", "plaintext")
            text = (
                f"{said}; security.protocol is {secure}: does that listener want another "
                "(plaintext, ssl, sasl_plaintext, sasl_ssl), or a client certificate?"
            )
        else:
            text = (
                f"{said + '; ' if said else ''}no answer within {self.answer_within_s:g} s; "
                "check host, port and firewall"
            )
        return f"no connection to {self.bootstrap}: {self._without_secrets(text)}"

    def _without_secrets(self, text: str) -> str:
        for name, value in self.properties.items():
            if HIDDEN.search(name) and value:
                text = text.replace(value, "[redacted]")
        return text


class _Heard:
    """What librdkafka complained of; knows nothing of the client that it is the ear of."""

    def __init__(self) -> None:
        self.log = _LastWords()
        self._words: dict[int, str] = {}  # error code → what was last said with it
        self._all_down_ns: int | None = None

    def error(self, error: KafkaError) -> None:
        """The error callback; the same words come up to 20 times a second."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._all_down_ns = self._all_down_ns or time.monotonic_ns()
        else:
            self._words[error.code()] = error.str()

    def hopeless(self, now_ns: int) -> bool:
        """Whether waiting longer would change nothing."""
        if self._all_down_ns is None:
            return False
        final = any(code in self._words for code in _FINAL)
        return final or now_ns - self._all_down_ns > round(GRACE_S * 1e9)

    def weightiest(self) -> tuple[int | None, str]:
        """The error that explains most, and its words."""
        return next(((code, self._words[code]) for code in _BY_WEIGHT if code in self._words), (None, ""))


class _LastWords(logging.Handler):
    """librdkafka's log, kept instead of printed: the last complaint, which the error callback is not always told."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""
        self.logger = logging.Logger("librdkafka")  # made by hand: not in the tree, so nobody else prints it
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; levels above warning only repeat the error callback."""
        text = _shortened(record.getMessage())
        if record.levelno >= logging.INFO and text:
            self.last = text


def _address(words: str) -> str | None:
    """The broker that a text of librdkafka is about: it may not be the one that was given, but one it names."""
    found = re.search(r"://([^/ ]+)/", words)
    return found.group(1) if found else None


def _shortened(words: str) -> str:
    """librdkafka's text without thread, broker prefix and the state it was in."""
    text = re.sub(r"^(\w+ )?\[[^\]]*\]: *", "", words.strip())
    text = re.sub(r"^(\S+/(bootstrap|\d+): *)+", "", text)
    return re.sub(r" *\(after \d+ms in state (\w+)[^)]*\)", "", text).strip().rstrip(".")
