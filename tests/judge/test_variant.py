"""Variants, and what they may change."""

import sys
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.judge.variant import may_differ, parse_variant, variant_of


def test_a_variant_is_settings_properties_and_an_interpreter() -> None:
    """Each key goes where it belongs; a comma inside a value does not end it; Java's names are translated."""
    variant = parse_variant(
        f"profile=low-latency,bootstrap=a:1,b:2,linger.ms=20,buffer.memory=1048576,python={sys.executable}",
        "--baseline",
    )

    assert variant.settings == {"profile": "low-latency", "bootstrap_server": "a:1,b:2"}
    assert variant.properties == {"linger.ms": "20", "queue.buffering.max.kbytes": "1024"}
    assert variant.python == sys.executable


def test_a_table_of_a_file_is_the_same_variant() -> None:
    """TOML makes nested tables of dotted keys, and numbers of numbers; both come out as text by their names."""
    table = {"serializer": "orjson", "linger": {"ms": 20}, "properties": {"enable": {"idempotence": True}}}

    variant = variant_of(table, "gate.toml [candidate]")

    assert variant.settings == {"serializer": "orjson"}
    assert variant.properties == {"linger.ms": "20", "enable.idempotence": "true"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lingr.ms=5", "did you mean linger.ms"),
        ("serialiser=orjson", "did you mean serializer"),
        ("profile", "write it like"),
        ("linger.ms=5,linger.ms=6", "given twice"),
        ("duration=4s", "one for both sides"),
        ("rate=5k/s", "one for both sides"),
        ("python=/nowhere/python", "no such file"),
        ("profile=", "write it like"),
    ],
)
def test_a_wrong_variant_is_refused_with_where_it_came_from(text: str, complaint: str) -> None:
    """Before anything runs, naming the flag and the nearest right word."""
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_variant(text, "--candidate")

    assert "--candidate" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "condition", "may"),
    [
        ("linger.ms=20", "client.properties.linger.ms", True),
        ("linger.ms=20", "client.properties.batch.size", False),
        ("acks=1", "client.properties.request.required.acks", True),
        ("profile=java", "client.properties.linger.ms", True),
        ("profile=java", "plan.partitions", False),
        ("serializer=orjson", "plan.serializer", True),
        ("serializer=orjson", "rated.plan.serializer", True),
        ("serializer=orjson", "environment.kernel", False),
        ("bootstrap=a:1", "broker.version", True),
        (f"python={sys.executable}", "client.librdkafka", True),
        (f"python={sys.executable}", "environment.cpu_model", False),
        ("partitions=12", "plan.partitions", True),
    ],
)
def test_only_what_is_named_may_differ(text: str, condition: str, may: bool) -> None:
    """A setting opens its own conditions and no others."""
    nothing, named = parse_variant("", "--baseline"), parse_variant(text, "--candidate")

    assert may_differ(condition, nothing, named) is may_differ(condition, named, nothing) is may


def test_an_empty_variant_names_nothing(tmp_path: Path) -> None:
    """It is what the gate's common settings make it."""
    assert parse_variant("", "--baseline").named() == set()
