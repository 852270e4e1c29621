"""The doctor at a real Kafka: what it finds there, for one who may do all and one who may do little; and it changes nothing."""

import json
from collections.abc import Mapping

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from loadgen.brokers.admin import create_topic, delete_topic
from loadgen.brokers.target import Broker
from loadgen.cli.doctor import diagnose, doctor, text
from loadgen.cli.flags import RunFlags
from loadgen.doctor.finding import Finding
from tests.brokers.guarded import Guarded
from tests.brokers.waiting import wait_until


def given(guarded: Guarded, monkeypatch: pytest.MonkeyPatch, properties: Mapping[str, str]) -> dict[str, object]:
    """The flags for a listener, and the properties in the environment."""
    for name, value in properties.items():
        monkeypatch.setenv("LOADGEN_X_" + name.upper().replace(".", "_"), value)
    listener = "SASLTLS" if properties else "PLAINTEXT"
    return {"bootstrap_server": guarded.address(listener, "localhost")}


def as_bob(guarded: Guarded) -> dict[str, str]:
    return {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "SCRAM-SHA-256",
        "sasl.username": "bob",
        "sasl.password": "bob-secret",
        "ssl.ca.location": str(guarded.ca),
    }


def of(subject: str, findings: list[Finding] | object) -> list[Finding]:
    return [finding for finding in findings if finding.subject == subject]  # type: ignore[attr-defined]


@pytest.mark.kafka
def test_one_who_may_do_all(
    guarded: Guarded, topic: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reached, version, guard, rights; a topic that a run left is named with the line that removes it; --json - says the same."""
    broker = Broker("external", guarded.address("PLAINTEXT"), None, "")
    create_topic(broker, topic, {}, partitions=1)
    flags = given(guarded, monkeypatch, {})
    before = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics.keys()

    found = diagnose(flags)

    assert found.exit_code == 0
    assert of("reach", found.findings)[0].level == "good"
    assert of("version", found.findings)[0].message == "Kafka 4.3"
    assert of("guard", found.findings)[0].level == "good"
    assert levels(of("rights", found.findings)) == ["good"]
    mine = [one for one in of("leftovers", found.findings) if topic in one.message]
    assert mine[0].remedies == [
        f"kafka-topics.sh --bootstrap-server {flags['bootstrap_server']} --delete --topic {topic}"
    ]
    assert doctor(flags=RunFlags(bootstrap_server=str(flags["bootstrap_server"])), json="-") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["cluster"]) == ("loadgen.doctor/1", flags["bootstrap_server"])
    assert {one["subject"] for one in told["findings"]} >= {"reach", "version", "guard", "rights", "clock", "files"}
    after = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics.keys()
    assert after == before
    assert delete_topic(broker, topic, {})


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.mark.kafka
def test_one_who_may_do_little(guarded: Guarded, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bob sees a topic that he may not write to: what is missing, and the line; granted by that line's rights, all is well."""
    admin = AdminClient({"bootstrap.servers": guarded.address("PLAINTEXT")})
    broker = Broker("external", guarded.address("PLAINTEXT"), None, "")
    create_topic(broker, topic, {}, partitions=1)
    flags = given(guarded, monkeypatch, as_bob(guarded)) | {"topic": topic}

    def allow(*operations: AclOperation) -> None:
        for operation in operations:
            rule = AclBinding(
                ResourceType.TOPIC,
                topic,
                ResourcePatternType.LITERAL,
                "User:bob",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            admin.create_acls([rule])[rule].result(10)

    def found(subject: str) -> list[Finding]:
        return of(subject, diagnose(flags).findings)

    unseen = found("topic")
    assert levels(unseen) == ["bad"]
    assert "--operation Describe --operation Write" in unseen[0].remedies[0]
    allow(AclOperation.DESCRIBE)
    wait_until(lambda: levels(found("topic"))[0] == "good")
    missing = found("rights")
    assert levels(missing) == ["bad", "warn"]
    assert "User:bob does not hold WRITE (to send to it)" in missing[0].message
    assert missing[0].remedies[0].endswith(f"--add --allow-principal User:bob --operation Write --topic {topic}")
    allow(AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE_CONFIGS)
    wait_until(lambda: levels(found("rights")) == ["good"])
    assert delete_topic(broker, topic, {})


@pytest.mark.kafka
def test_one_who_may_not_make_a_topic(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a topic named, a run makes its own: Bob may not, which stops it, and the line grants it by the beginning."""
    found = diagnose(given(guarded, monkeypatch, as_bob(guarded)))
    (finding,) = of("rights", found.findings)

    assert found.exit_code == 3
    assert finding.level == "bad"
    assert "--operation Create" in finding.remedies[0]
    assert finding.remedies[0].endswith("--topic loadgen- --resource-pattern-type prefixed")
    assert text(found)[0].startswith("BAD")


@pytest.mark.kafka
def test_one_who_is_not_let_in(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password: one finding, of its reason, and the host is looked at all the same."""
    found = diagnose(given(guarded, monkeypatch, as_bob(guarded) | {"sasl.password": "wrong-canary"}))

    assert found.exit_code == 3
    assert "authentication failed" in of("reach", found.findings)[0].message
    assert of("clock", found.findings)
    assert "wrong-canary" not in "\n".join(text(found))
