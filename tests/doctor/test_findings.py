"""The doctor's judgement, each rule by a case that breaks it: rights, settings, replicas, this host."""

import os
import resource
import tempfile
from pathlib import Path
from typing import Any

import pytest

from loadgen.brokers.admin import Topic
from loadgen.brokers.checkup import TopicHealth
from loadgen.doctor import host
from loadgen.doctor.cluster import topic_findings
from loadgen.doctor.finding import Diagnosis, Finding
from loadgen.doctor.rights import Who, grants, principal_of, rights
from loadgen.doctor.settings import fights
from loadgen.profile import BUILT_IN_PROFILES, profile_properties, resolve
from loadgen.properties import problems_in

KAFKA, REDPANDA = Who("User:alice", "b:1", True), Who("User:alice", "b:1", False)


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(
    ("held", "there", "told"),
    [
        (["WRITE", "READ", "DESCRIBE_CONFIGS"], True, ["good"]),
        (["ALL"], False, ["good"]),
        (["WRITE"], True, ["warn"]),
        (["DESCRIBE"], True, ["bad", "warn"]),
        (["WRITE", "READ", "DESCRIBE_CONFIGS"], False, ["bad"]),
        ([], True, ["bad", "warn"]),
        (None, True, ["unknown"]),
    ],
)
def test_rights_held_against_rights_needed(held: list[str] | None, there: bool, told: list[str]) -> None:
    """WRITE implies DESCRIBE, ALL everything; a topic of the run's own takes CREATE and DELETE too."""
    assert levels(rights("orders", held, KAFKA, there=there)) == told


def test_the_line_that_grants() -> None:
    """As an administrator types it, for both tools; a run's own topics by their common beginning."""
    (kafka,) = grants("orders", ["WRITE", "DESCRIBE_CONFIGS"], KAFKA)
    both = grants("loadgen-", ["CREATE"], REDPANDA)

    assert kafka == (
        "kafka-acls.sh --bootstrap-server b:1 --command-config admin.properties --add --allow-principal User:alice "
        "--operation Write --operation DescribeConfigs --topic orders"
    )
    assert both[1] == (
        "rpk security acl create -X brokers=b:1 --allow-principal User:alice --operation create --topic loadgen- "
        "--resource-pattern-type prefixed"
    )
    assert both[0].endswith("--topic loadgen- --resource-pattern-type prefixed")


@pytest.mark.parametrize(
    ("properties", "principal"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security.protocol": "ssl", "ssl.ca.location": "x"}, "User:ANONYMOUS"),
        ({"security.protocol": "sasl_ssl", "sasl.username": "bob"}, "User:bob"),
        (
            {"security.protocol": "ssl", "ssl.certificate.location": "x"},
            "User:<the subject of the client's certificate>",
        ),
    ],
)
def test_who_asks(properties: dict[str, str], principal: str) -> None:
    """As the broker knows him by default."""
    assert principal_of(properties) == principal


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_no_built_in_profile_fights_itself(name: str) -> None:
    """But librdkafka's own defaults, which retry with a million in flight and no idempotence."""
    told = fights(profile_properties(name))

    assert levels(told) == (["warn"] if name == "librdkafka" else ["good"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"linger.ms": "30000"}, "expire unsent"),
        ({"request.timeout.ms": "60000"}, "before its request may be tried again"),
        ({"linger.ms": "0"}, "small ones hardly shrink"),
        ({"queue.buffering.max.kbytes": "200"}, "less than two batches"),
        ({"queue.buffering.max.messages": "5000"}, "a batch never fills"),
        ({"enable.idempotence": "false"}, "reorders and may write twice"),
        ({"enable.gapless.guarantee": "true"}, "ends the run"),
    ],
)
def test_properties_that_fight_each_other(changes: dict[str, str], said: str) -> None:
    """Each is right alone, so the checks before a run let it through; the remedy, followed, ends the fight."""
    properties = profile_properties("balanced") | changes

    assert problems_in({name: (value, "") for name, value in properties.items()}) == []
    (finding,) = fights(properties)
    assert finding.level == "warn"
    assert said in finding.message
    if finding.remedies[0].startswith("-X"):
        remedy = dict([finding.remedies[0].removeprefix("-X ").split(",")[0].split("=")])
        assert fights(properties | remedy)[0].level == "good"


def health(**changes: Any) -> TopicHealth:
    return TopicHealth(
        **{"name": "t", "partitions": 6, "leaderless": [], "under_replicated": [], "replicas": 3, "held": None}
        | changes
    )


@pytest.mark.parametrize(
    ("shape", "changes", "ours", "told"),
    [
        ({}, {}, True, []),
        ({}, {}, False, ["may be somebody's"]),
        ({}, {"leaderless": [0, 3]}, True, ["partitions 0, 3 have no leader"]),
        ({}, {"under_replicated": list(range(20))}, True, ["6, 7 and 12 more are being caught up"]),
        ({}, {"replicas": 1}, True, ["waits for nobody", "more than its 1 replicas"]),
        ({"min_insync_replicas": 3}, {}, True, ["one broker down stops writing"]),
        ({"settings": {"cleanup.policy": "compact"}}, {}, True, ["compacted"]),
    ],
)
def test_a_topic(shape: dict[str, Any], changes: dict[str, Any], ours: bool, told: list[str]) -> None:
    """Leaders, replicas, settings; nothing is said of a topic with which all is well."""
    topic = Topic(
        **{"name": "t", "partitions": 6, "replication_factor": 3, "min_insync_replicas": 2, "settings": {}} | shape
    )
    found = topic_findings(topic, health(**changes), ours=ours, brokers=3)

    assert found[0].level == "good"
    assert len(found) == 1 + len(told)
    for finding, words in zip(found[1:], told, strict=True):
        assert words in finding.message
        assert finding.level == ("bad" if "no leader" in words else "warn")


def test_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock, governor, load, files and memory, at their bounds."""
    settings = resolve({"start": "mock", "producers": "100", "X": ["queue.buffering.max.kbytes=1048576"]}, {})

    assert [host._clock(name).level for name in ("tsc", "hpet", None)] == ["good", "warn", "unknown"]
    assert [host._governor(name).level for name in ("performance", "powersave", None)] == ["good", "warn", "unknown"]
    assert [host._load(average, 4).level for average in (1.9, 2.1)] == ["good", "warn"]
    limits = (resource.RLIM_INFINITY, 6656, 6655)
    assert [host._files(settings, (soft, 10**6)).level for soft in limits] == ["good", "good", "warn"]
    assert [host._memory(settings, total).level for total in (400 << 30, 399 << 30)] == ["good", "warn"]


def test_what_killed_runs_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder with the line that removes it; not those of a process that lives."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    results = tmp_path / "results"
    for path in (
        "loadgen-kafka-abc",
        "others-kafka",
        "results/.partial-999999999-x",
        f"results/.partial-{os.getpid()}-y",
    ):
        (tmp_path / path).mkdir(parents=True)

    found = host._folders(results)

    assert [finding.remedies[0] for finding in found] == [
        f"rm -r {tmp_path / 'loadgen-kafka-abc'}",
        f"rm -r {results / '.partial-999999999-x'}",
    ]


def test_the_exit_code_is_of_what_stops_a_run() -> None:
    """Warnings are no failure."""
    warn = Finding(level="warn", subject="x", message="x")
    bad = Finding(level="bad", subject="x", message="x")

    assert Diagnosis(cluster=None, findings=[warn]).exit_code == 0
    assert Diagnosis(cluster=None, findings=[warn, bad]).exit_code == 3
