"""A cluster as a run would find it: reached, allowed by the guard, its version, leaders, replicas, rights, what runs left."""

import shlex
from collections.abc import Mapping, Sequence

from loadgen.brokers import admin, checkup
from loadgen.brokers.guard import OURS, RUNS_LEAVE, Seen, decide, decide_password
from loadgen.brokers.target import Broker
from loadgen.doctor.finding import Finding
from loadgen.doctor.rights import Who, grants, principal_of, rights
from loadgen.errors import Unreachable
from loadgen.profile import RunSettings


def look(settings: RunSettings, broker: Broker) -> list[Finding]:
    """Everything about a cluster; one finding when it cannot be reached.

    Raises:
        Refused: a password would go over the network in the clear.
    """
    properties, given = settings.properties, broker.bootstrap.split(",")
    decide_password(properties, given, allow_unsafe=settings.allow_unsafe).enforce()
    try:
        cluster_id, nodes = admin.members(broker, properties)
        decide_password(properties, nodes, allow_unsafe=settings.allow_unsafe).enforce()
        cluster = admin.described(broker, cluster_id, nodes, properties)
        seen = checkup.look(broker, properties)
    except Unreachable as error:
        return [Finding(level="bad", subject="reach", message=str(error))]
    who = Who(principal_of(properties), broker.bootstrap, cluster.version is not None)
    decision = decide(Seen(given, nodes, cluster_id), settings.confirm)
    return [
        Finding(level="good", subject="reach", message=f"{len(nodes)} brokers: {', '.join(nodes)}"),
        Finding(
            level="good" if cluster.version else "unknown",
            subject="version",
            message=f"Kafka {cluster.version}" if cluster.version else "not told: a Redpanda does not say",
        ),
        Finding(
            level="good" if decision.allowed else "warn",
            subject="guard",
            message=decision.reason,
            remedies=[decision.allow_with] if decision.allow_with else [],
        ),
        *([] if seen.controller is not None else [Finding(level="bad", subject="leaders", message="no controller")]),
        *(_named(settings.topic, settings, broker, who, nodes) if settings.topic else []),
        *([] if settings.topic else _own(seen, broker, properties, who)),
        *_left(seen.left, who),
    ]


def _named(name: str, settings: RunSettings, broker: Broker, who: Who, nodes: Sequence[str]) -> list[Finding]:
    """The topic that the user named."""
    try:
        shape = admin.describe_topic(broker, name, settings.properties)
    except Unreachable as error:
        return [
            Finding(level="bad", subject="topic", message=str(error), remedies=grants(name, ["DESCRIBE", "WRITE"], who))
        ]
    health = checkup.topic_health(broker, name, settings.properties)
    if shape is None or health is None:
        words = f"{name} is not there; a run makes it and removes it at its end"
        return [
            Finding(level="good", subject="topic", message=words),
            *rights(name, None, who, there=False),
        ]
    return [
        *topic_findings(shape, health, ours=name.startswith(OURS) and RUNS_LEAVE in shape.settings, brokers=len(nodes)),
        *rights(name, health.held, who, there=True),
    ]


def topic_findings(shape: admin.Topic, health: checkup.TopicHealth, *, ours: bool, brokers: int) -> list[Finding]:
    """Leaders, replicas and settings of a topic, and what they do to a run."""
    name, least = shape.name, shape.min_insync_replicas
    own = " ".join(f"{key}={value}" for key, value in sorted(shape.settings.items())) or "none of its own"
    found = [
        Finding(
            level="good",
            subject="topic",
            message=f"{name}: {health.partitions} partitions, {health.replicas} replicas, min ISR {least or '?'}; settings {own}",
        )
    ]

    def note(level: str, subject: str, message: str, *remedies: str) -> None:
        found.append(
            Finding(level="bad" if level == "bad" else "warn", subject=subject, message=message, remedies=remedies)
        )

    if health.leaderless:
        note(
            "bad",
            "leaders",
            f"{name}: partitions {_list(health.leaderless)} have no leader: nothing can be sent to them",
        )
    if health.under_replicated:
        note(
            "warn",
            "replicas",
            f"{name}: partitions {_list(health.under_replicated)} are being caught up: that is load too",
        )
    if health.replicas == 1 and brokers > 1:
        note("warn", "replicas", f"{name} has one replica: acks=all waits for nobody", "--replication-factor 3")
    if least is not None and least > health.replicas:
        note("warn", "replicas", f"{name}: min.insync.replicas {least} is more than its {health.replicas} replicas")
    elif least is not None and least == health.replicas > 1:
        note(
            "warn",
            "replicas",
            f"{name}: min.insync.replicas {least} of {health.replicas}: one broker down stops writing",
        )
    if not ours:
        note("warn", "topic", f"{name} was not made by loadgen and may be somebody's", "--yes")
    if shape.settings.get("cleanup.policy", "delete") != "delete":
        note("warn", "topic", f"{name} is compacted: --verify will miss records that compaction removed")
    return found


def _own(seen: checkup.Checkup, broker: Broker, properties: Mapping[str, str], who: Who) -> list[Finding]:
    """The topic that a run would make for itself: may it be made, and what is held of those that are there."""
    if seen.may_create is None:
        return [Finding(level="bad", subject="topic", message=f"{OURS}…: cannot be made: {seen.created_refusal}")]
    if not seen.may_create:
        words = f"{who.principal} does not hold CREATE (to make it) on {OURS}…: {seen.created_refusal}"
        needed = ["CREATE", "DESCRIBE", "WRITE", "DELETE", "READ", "DESCRIBE_CONFIGS"]
        return [Finding(level="bad", subject="rights", message=words, remedies=grants(OURS, needed, who))]
    # a right on a topic is told only of one that is there; they share their beginning, and rights on that are shared
    sample = checkup.topic_health(broker, seen.left[0], properties) if seen.left else None
    if sample is None or sample.held is None:
        return [
            Finding(level="good", subject="rights", message=f"{who.principal} may make a topic {OURS}…"),
            *rights(OURS, None, who, there=False),
        ]
    return rights(OURS, [*sample.held, "CREATE"], who, there=False)


def _left(topics: Sequence[str], who: Who) -> list[Finding]:
    if not topics:
        return [Finding(level="good", subject="leftovers", message="no topics of runs on the cluster")]
    findings = []
    for name in topics:
        kafka = f"kafka-topics.sh --bootstrap-server {who.bootstrap} --delete --topic {shlex.quote(name)}"
        rpk = f"rpk topic delete -X brokers={who.bootstrap} {shlex.quote(name)}"
        findings.append(
            Finding(
                level="warn",
                subject="leftovers",
                message=f"topic {name}: of a run that was killed, was told to keep it, or is running now",
                remedies=[kafka] if who.kafka else [kafka, rpk],
            )
        )
    return findings


def _list(partitions: Sequence[int], shown: int = 8) -> str:
    more = f" and {len(partitions) - shown} more" if len(partitions) > shown else ""
    return ", ".join(str(one) for one in partitions[:shown]) + more
