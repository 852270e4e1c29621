"""Runs over TLS, mTLS and SASL at a real Kafka, with the files people have; what is not verified is refused or stamped."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from loadgen.brokers.admin import describe_cluster
from loadgen.brokers.target import Broker
from loadgen.errors import UsageError
from loadgen.profile import resolve
from loadgen.runner.coordinator import carry_out
from tests.brokers.guarded import MECHANISMS, Guarded
from tests.cli.test_command_line import loadgen

SHORT = ("-r", "200/s", "-d", "1s", "--warmup", "0s", "-w", "1", "--partitions", "1")


def tls(guarded: Guarded, **more: str) -> dict[str, str]:
    return {"security.protocol": "ssl", "ssl.ca.location": str(guarded.ca)} | more


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_over_tls(guarded: Guarded, mechanism: str) -> None:
    """PLAIN and both SCRAMs let the right password in."""
    properties = tls(guarded) | {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": mechanism,
        "sasl.username": "alice",
        "sasl.password": "alice-secret",
    }
    broker = Broker("external", guarded.address("SASLTLS", "localhost"), None, "")

    assert len(describe_cluster(broker, properties).brokers) == 1


@pytest.mark.kafka
def test_a_run_with_a_java_clients_file(guarded: Guarded, tmp_path: Path) -> None:
    """`loadgen run -F client.properties` and no other word of the cluster: JAAS, PEM, JVM-only keys, all as it was found."""
    file = tmp_path / "client.properties"
    file.write_text(
        f"bootstrap.servers={guarded.address('SASLTLS', 'localhost')}\n"
        "security.protocol=SASL_SSL\n"
        "sasl.mechanism=SCRAM-SHA-512\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        '    username="alice" password="alice-secret";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={guarded.ca}\n"
        "ssl.endpoint.identification.algorithm=https\n"
        "key.serializer=org.apache.kafka.common.serialization.StringSerializer\n"
    )
    answer = loadgen("run", "-F", str(file), *SHORT, "--verify", "ids", "--json", "-", cwd=tmp_path)

    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["messages"]["acked"] == 200
    assert result["delivered"]["verified"]["lost"] == 0
    assert result["client"]["tls_verified"] is True
    assert "skipped key.serializer" in answer.stderr
    assert "alice-secret" not in answer.stdout + answer.stderr


@pytest.mark.kafka
def test_a_run_with_a_clients_certificate(guarded: Guarded, tmp_path: Path) -> None:
    """mTLS by a Java file's PEM keystore, key and certificate in one."""
    file = tmp_path / "client.properties"
    file.write_text(
        f"security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={guarded.ca}\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={guarded.alice}\n"
    )
    flags = {"bootstrap_server": guarded.address("MTLS", "localhost"), "command_config": str(file)}
    result = carry_out(resolve({**flags, "rate": "200/s", "duration": "1s", "warmup": "0s"}, {})).result

    assert result.messages.acked == 200
    assert result.client.tls_verified is True


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("listener", "lax"),
    [
        ("SELFSIGNED", {"enable.ssl.certificate.verification": "false"}),
        ("ELSEWHERE", {"ssl.endpoint.identification.algorithm": "none"}),
    ],
)
def test_what_is_not_verified_takes_a_flag_and_is_stamped(
    guarded: Guarded, listener: str, lax: Mapping[str, str]
) -> None:
    """Refused without --allow-unsafe; with it the run goes, and its result says tls_verified=false and doubts itself."""
    properties = tls(guarded, **lax)
    flags = {
        "bootstrap_server": guarded.address(listener, "localhost"),
        "rate": "200/s",
        "duration": "1s",
        "warmup": "0s",
        "X": [f"{name}={value}" for name, value in properties.items()],
    }
    with pytest.raises(UsageError, match=r"^refused: .*; to allow it: --allow-unsafe$"):
        resolve(flags, {})

    result = carry_out(resolve({**flags, "allow_unsafe": True}, {})).result

    assert result.messages.acked == 200
    assert result.client.tls_verified is False
    assert "tls_not_verified" in [doubt.code for doubt in result.verdict.doubts]


@pytest.mark.kafka
def test_a_run_at_a_broker_that_cannot_be_trusted(guarded: Guarded, tmp_path: Path) -> None:
    """The whole command: exit 3 within 10 s, one line that names the certificate's fault, nothing saved."""
    answer = loadgen(
        "run",
        "-b",
        guarded.address("SELFSIGNED", "localhost"),
        "-X",
        "security.protocol=ssl",
        *SHORT,
        cwd=tmp_path,
        timeout_s=60,
    )

    assert answer.returncode == 3
    assert answer.stderr.count("\n") == 1
    assert "the broker's certificate is self-signed; set ssl.ca.location to it" in answer.stderr
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results" / "runs").glob("[!.]*"))
