"""Rights that a run needs against those that its user holds, with the line that grants what is missing. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from loadgen.brokers.guard import OURS
from loadgen.doctor.finding import Finding

# On the topic that is written to; operations as Kafka's ACLs name them
NEEDED = {
    "DESCRIBE": "to see it",
    "WRITE": "to send to it",
}
# Of topics that a run makes and removes for itself
NEEDED_OF_OWN = {"CREATE": "to make it", "DELETE": "to remove it at the end"}
WANTED = {"READ": "for --verify and --consume", "DESCRIBE_CONFIGS": "to tell its settings in the result"}
_GENERAL = frozenset({"ALL", "ANY"})
_IMPLY_DESCRIBE = frozenset({"READ", "WRITE", "DELETE", "ALTER"})


class Who(NamedTuple):
    """Whose rights are told, and how a tool reaches the cluster in his place.

    Attributes:
        principal: such as "User:alice".
        bootstrap: host:port,….
        kafka: it says that it is an Apache Kafka; a Redpanda does not say what it is.
    """

    principal: str
    bootstrap: str
    kafka: bool


def principal_of(properties: Mapping[str, str]) -> str:
    """As which principal a client with these properties is known, by the brokers' default rules."""
    if properties.get("security.protocol", "").startswith("sasl"):
        return f"User:{properties.get('sasl.username', '?')}"
    if properties.get("security.protocol") == "ssl" and any("certificate" in name for name in properties):
        return "User:<the subject of the client's certificate>"
    return "User:ANONYMOUS"


def rights(topic: str, held: Sequence[str] | None, who: Who, *, there: bool) -> list[Finding]:
    """What is held of a topic and what is not.

    Args:
        topic: its name, or the beginning that a run's own topics share.
        held: operations by name; None: the cluster does not tell.
        there: the topic exists, so that the run neither makes nor removes it.
    """
    needed = NEEDED | ({} if there else NEEDED_OF_OWN)
    if held is None:
        lines = grants(topic, [*needed, *WANTED], who)
        return [
            Finding(
                level="unknown",
                subject="rights",
                message=f"of {topic}: told only of a topic that is there",
                remedies=lines,
            )
        ]
    missing = [name for name in needed if not _holds(held, name)]
    unheld = [name for name in WANTED if not _holds(held, name)]
    if not missing and not unheld:
        words = ", ".join(name.lower() for name in (*needed, *WANTED))
        return [Finding(level="good", subject="rights", message=f"{who.principal} holds {words} on {topic}")]
    findings = []
    for level, names, why in (("bad", missing, needed), ("warn", unheld, WANTED)):
        if names:
            told = ", ".join(f"{name} ({why[name]})" for name in names)
            findings.append(
                Finding(
                    level="bad" if level == "bad" else "warn",
                    subject="rights",
                    message=f"{who.principal} does not hold {told} on {topic}",
                    remedies=grants(topic, names, who),
                )
            )
    return findings


def _holds(held: Sequence[str], name: str) -> bool:
    implied = name == "DESCRIBE" and not _IMPLY_DESCRIBE.isdisjoint(held)
    return name in held or implied or not _GENERAL.isdisjoint(held)


def grants(topic: str, operations: Sequence[str], who: Who) -> list[str]:
    """The lines, for Kafka's tool and Redpanda's, that an administrator runs to grant operations on a topic."""
    pattern = " --resource-pattern-type prefixed" if topic == OURS else ""
    principal, name = shlex.quote(who.principal), shlex.quote(topic)
    asked = " ".join(f"--operation {_camel(operation)}" for operation in operations)
    kafka = (
        f"kafka-acls.sh --bootstrap-server {who.bootstrap} --command-config admin.properties --add "
        f"--allow-principal {principal} {asked} --topic {name}{pattern}"
    )
    rpk = (
        f"rpk security acl create -X brokers={who.bootstrap} --allow-principal {principal} "
        f"--operation {','.join(operation.lower() for operation in operations)} --topic {name}{pattern}"
    )
    return [kafka] if who.kafka else [kafka, rpk]


def _camel(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))
