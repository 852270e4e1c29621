"""A real Kafka with listeners that want TLS, a client's certificate or a password, certificates that are right and wrong,
and ACLs: whoever comes unnamed, and alice, may do everything; bob only what a test lets him.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadgen.brokers.kafka import LocalKafka, start_kafka

PLAIN = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret" user_bob="bob-secret";'
)
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
CANARY = "canary-user-5f1d"  # a name that stands nowhere else
USERS = ("alice", "bob", CANARY)  # each with NAME-secret as the password


@dataclass(frozen=True)
class Guarded:
    """The broker and what its clients need.

    Attributes:
        ca: of the good certificate; other_ca: of none.
        alice: key and certificate of a client, in one PEM, which the MTLS listener knows as User:alice.
    """

    kafka: LocalKafka
    ca: Path
    other_ca: Path
    alice: Path

    def address(self, listener: str, host: str = "127.0.0.1") -> str:
        """host:port of a listener: PLAINTEXT, TLS, EXPIRED, ELSEWHERE, SELFSIGNED, MTLS, PASSWORD, SASLTLS."""
        return f"{host}:{self.kafka.listeners[listener].rpartition(':')[2]}"


@contextlib.contextmanager
def start_guarded(folder: Path) -> Iterator[Guarded]:
    """The listeners beside PLAINTEXT: TLS and its faults EXPIRED, ELSEWHERE (another host's name), SELFSIGNED; MTLS; PASSWORD
    (SASL PLAIN in the clear); SASLTLS (PLAIN and both SCRAMs).
    """
    if shutil.which("openssl") is None:
        pytest.skip("no certificates: openssl not found")
    for name in ("ca", "other"):
        _openssl(
            folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
    here, elsewhere = "DNS:localhost,IP:127.0.0.1", "DNS:elsewhere.example"
    _openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
        "-keyout selfsigned.key -out selfsigned.pem",
    )
    (folder / "selfsigned.keystore").write_text(
        "".join((folder / f"selfsigned.{part}").read_text() for part in ("key", "pem"))
    )
    signed = (("good", 2, here), ("expired", -1, here), ("elsewhere", 2, elsewhere), ("alice", 2, "DNS:alice"))
    for name, days, names in signed:
        subject = "alice" if name == "alice" else "localhost"
        (folder / "names").write_text(f"subjectAltName={names}\n")
        _openssl(folder, f"req -newkey rsa:2048 -nodes -subj /CN={subject} -keyout {name}.key -out {name}.csr")
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -out {name}.pem -extfile names",
        )
        parts = (f"{name}.key", f"{name}.pem", "ca.pem")
        (folder / f"{name}.keystore").write_text("".join((folder / part).read_text() for part in parts))
    properties = {"auto.create.topics.enable": "true", "sasl.enabled.mechanisms": "PLAIN"}
    properties["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    properties["super.users"] = f"User:ANONYMOUS;User:alice;User:{CANARY}"
    properties["ssl.principal.mapping.rules"] = r"RULE:^.*CN=([^,]+).*$/$1/,DEFAULT"
    properties["listener.name.mtls.ssl.client.auth"] = "required"
    properties["listener.name.mtls.ssl.truststore.type"] = "PEM"
    properties["listener.name.mtls.ssl.truststore.location"] = str(folder / "ca.pem")
    properties["listener.name.sasltls.sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
    for mechanism in MECHANISMS:
        module = PLAIN if mechanism == "PLAIN" else SCRAM
        properties[f"listener.name.sasltls.{mechanism.lower()}.sasl.jaas.config"] = module
    # a node that was killed may register again when its old session is over: 9 s by default
    properties["broker.session.timeout.ms"] = "2000"
    properties["broker.heartbeat.interval.ms"] = "500"
    properties["listener.name.password.plain.sasl.jaas.config"] = PLAIN
    stores = {"tls": "good", "mtls": "good", "sasltls": "good"}
    for listener, name in (stores | {name: name for name in ("expired", "elsewhere", "selfsigned")}).items():
        properties[f"listener.name.{listener}.ssl.keystore.type"] = "PEM"
        properties[f"listener.name.{listener}.ssl.keystore.location"] = str(folder / f"{name}.keystore")
    listeners = {"TLS": "SSL", "EXPIRED": "SSL", "ELSEWHERE": "SSL", "SELFSIGNED": "SSL", "MTLS": "SSL"}
    listeners |= {"PASSWORD": "SASL_PLAINTEXT", "SASLTLS": "SASL_SSL"}
    scram = [
        word
        for user in USERS
        for mechanism in MECHANISMS[1:]
        for word in ("--add-scram", f"{mechanism}=[name={user},password={user}-secret]")
    ]
    with start_kafka("java", properties=properties, listeners=listeners, format_arguments=scram) as kafka:
        yield Guarded(kafka, folder / "ca.pem", folder / "other.pem", folder / "alice.keystore")


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
