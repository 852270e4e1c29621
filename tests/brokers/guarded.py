"""A real Kafka with listeners that want TLS or a password, and certificates that are right and wrong."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadgen.brokers.kafka import LocalKafka, start_kafka

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";'


@dataclass(frozen=True)
class Guarded:
    """The broker and what its clients need.

    Attributes:
        ca: of the good certificate; other_ca: of none.
    """

    kafka: LocalKafka
    ca: Path
    other_ca: Path

    def address(self, listener: str, host: str = "127.0.0.1") -> str:
        """host:port of a listener: PLAINTEXT, TLS, EXPIRED, ELSEWHERE, PASSWORD."""
        return f"{host}:{self.kafka.listeners[listener].rpartition(':')[2]}"


@contextlib.contextmanager
def start_guarded(folder: Path) -> Iterator[Guarded]:
    """Listeners TLS, EXPIRED, ELSEWHERE (another host's certificate), PASSWORD (SASL PLAIN), beside PLAINTEXT."""
    if shutil.which("openssl") is None:
        pytest.skip("no certificates: openssl not found")
    for name in ("ca", "other"):
        _openssl(
            folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
    here, elsewhere = "DNS:localhost,IP:127.0.0.1", "DNS:elsewhere.example"
    for name, days, names in (("good", 2, here), ("expired", -1, here), ("elsewhere", 2, elsewhere)):
        (folder / "names").write_text(f"subjectAltName={names}\n")
        _openssl(folder, f"req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout {name}.key -out {name}.csr")
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -out {name}.pem -extfile names",
        )
        parts = (f"{name}.key", f"{name}.pem", "ca.pem")
        (folder / f"{name}.keystore").write_text("".join((folder / part).read_text() for part in parts))
    properties = {"auto.create.topics.enable": "true", "sasl.enabled.mechanisms": "PLAIN"}
    # a node that was killed may register again when its old session is over: 9 s by default
    properties["broker.session.timeout.ms"] = "2000"
    properties["broker.heartbeat.interval.ms"] = "500"
    properties["listener.name.password.plain.sasl.jaas.config"] = PLAIN
    for listener, name in (("tls", "good"), ("expired", "expired"), ("elsewhere", "elsewhere")):
        properties[f"listener.name.{listener}.ssl.keystore.type"] = "PEM"
        properties[f"listener.name.{listener}.ssl.keystore.location"] = str(folder / f"{name}.keystore")
    listeners = {"TLS": "SSL", "EXPIRED": "SSL", "ELSEWHERE": "SSL", "PASSWORD": "SASL_PLAINTEXT"}
    with start_kafka("java", properties=properties, listeners=listeners) as kafka:
        yield Guarded(kafka, folder / "ca.pem", folder / "other.pem")


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
