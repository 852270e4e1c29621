"""Settings: where they come from, and everything that can be wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.profile import BUILT_IN_PROFILES, origins, profile_properties, resolve
from loadgen.properties import problems_in, table

MOCK = {"start": "mock"}


def problems(flags: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    """What `resolve` says, all lines."""
    with pytest.raises(UsageError) as caught:
        resolve(flags, environ or {})
    return "\n".join(caught.value.problems)


def test_precedence_is_flag_environment_profile_built_in(tmp_path: Path) -> None:
    """The nearer source wins, and each value says where it came from."""
    profile = tmp_path / "mine.toml"
    profile.write_text('[run]\nworkers = 3\nseed = 5\n[properties]\n"linger.ms" = 7\n')
    flags = {**MOCK, "profile": str(profile), "workers": "2"}
    environ = {"LOADGEN_WORKERS": "4", "LOADGEN_SEED": "6", "LOADGEN_X_LINGER_MS": "9"}
    settings = resolve(flags, environ)
    told = {name: (value, origin) for name, value, origin in origins(flags, environ)}

    assert (settings.workers, settings.seed, settings.properties["linger.ms"]) == (2, 6, "9")
    assert told["workers"] == ("2", "--workers")
    assert told["seed"] == ("6", "LOADGEN_SEED")
    assert told["linger.ms"] == ("9", "LOADGEN_X_LINGER_MS")
    assert told["drain"][1] == "built-in"


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_built_in_profiles_are_whole(name: str) -> None:
    """Every built-in profile passes the checks and pins what changes a measurement."""
    properties = profile_properties(name)

    assert {
        "acks",
        "enable.idempotence",
        "max.in.flight.requests.per.connection",
        "linger.ms",
        "batch.size",
        "batch.num.messages",
        "compression.type",
        "queue.buffering.max.messages",
        "message.timeout.ms",
        "partitioner",
    } <= set(properties)


def test_five_in_flight_but_for_the_document_and_the_clients_own() -> None:
    """Idempotence keeps order for up to five, so only `seed` pays for one."""
    in_flight = {name: profile_properties(name)["max.in.flight.requests.per.connection"] for name in BUILT_IN_PROFILES}

    assert in_flight == {
        "low-latency": "5",
        "balanced": "5",
        "high-throughput": "5",
        "seed": "1",
        "librdkafka": "1000000",
        "java": "5",
    }


def test_everything_wrong_is_said_at_once() -> None:
    """One call names every problem, with key, value and origin."""
    said = problems({**MOCK, "workers": "0", "rate": "200q/s", "topic": "a/b", "X": ["lingr.ms=5"]})

    for piece in (
        "--workers: 0 is outside",
        "'200q/s' is not a rate",
        "'a/b' is no topic name",
        "lingr.ms",
        "linger.ms?",
    ):
        assert piece in said


BAD = [
    ({}, {}, "--start mock"),
    ({}, {"LOADGEN_BOOTSTRAP_SERVERS": ""}, "LOADGEN_BOOTSTRAP_SERVERS is set but empty"),
    ({"bootstrap_server": ""}, {}, "is set but empty"),
    ({"bootstrap_server": "localhost"}, {}, "not host:port"),
    ({"bootstrap_server": "h:1", "start": "mock"}, {}, "exclude each other"),
    ({**MOCK, "rate": "-7"}, {}, "not a rate"),
    ({**MOCK, "X": ["acks=7"]}, {}, "must be all (-1), 0 or 1"),
    ({**MOCK, "X": ["acks=1"]}, {}, "enable.idempotence=false"),
    ({**MOCK, "X": ["message.max.bytes=4294969296"]}, {}, "1000 .. 1000000000"),
    ({**MOCK, "X": ["linger.ms=1e3"]}, {}, "must be a number"),
    ({**MOCK, "X": ["linger.ms=-1"]}, {}, "must be a number"),
    ({**MOCK, "X": ["batch.size=0x10"]}, {}, "plain digits"),
    ({**MOCK, "X": ["compression.type=lzma"]}, {}, "must be one of none"),
    ({**MOCK, "X": ["message.timeout.ms=300"]}, {}, "at least 1000"),
    ({**MOCK, "X": ["max.in.flight=6"]}, {}, "at most 5 in flight"),
    ({**MOCK, "X": ["group.id=x"]}, {}, "consumer's property"),
    ({**MOCK, "X": ["linger.ms"]}, {}, "key=value"),
    ({**MOCK, "X": ["sasl.password=hunter2"]}, {}, "LOADGEN_X_SASL_PASSWORD"),
    ({**MOCK, "X": ["sasl.password=env:NOT_THERE_AT_ALL"]}, {}, "is not set"),
    ({**MOCK, "X": ["plugin.library.paths=/x.so"], "allow_unsafe": True}, {}, "refused: plugin.library.paths"),
    ({**MOCK, "X": ["ssl.providers=x"]}, {}, "--allow-unsafe"),
    ({**MOCK, "slo": ["response.p99<25ms"]}, {}, "-r 70%"),
    ({**MOCK, "slo": ["nonsense<1"]}, {}, "unknown metric"),
    ({**MOCK, "ramp": "1k..2k"}, {}, "needs -d"),
    ({**MOCK, "ramp": "1k..2k", "rate": "5k", "duration": "5s"}, {}, "exclude each other"),
    ({**MOCK, "record_size": "10", "payload_file": "f"}, {}, "exclude each other"),
    ({**MOCK, "record_size": "10", "events": "fresh"}, {}, "exclude each other"),
    ({**MOCK, "verify": "ids"}, {}, "--start kafka"),
    ({**MOCK, "producers": "1", "workers": "2"}, {}, "each worker owns one"),
    ({**MOCK, "keys": "zipf:x:10"}, {}, "not an exponent"),
    ({**MOCK, "profile": "balanc"}, {}, "did you mean balanced?"),
    ({**MOCK, "workers": "1000000000"}, {}, "outside 1"),
]


@pytest.mark.parametrize(("flags", "environ", "complaint"), BAD)
def test_bad_input_is_refused_before_a_socket_opens(
    flags: dict[str, Any], environ: dict[str, str], complaint: str
) -> None:
    """Each row is refused with a line that names the value and what to do."""
    assert complaint in problems(flags, environ)


def test_a_secret_never_stands_in_a_complaint() -> None:
    """What is refused about a secret does not repeat it."""
    assert "hunter2" not in problems({**MOCK, "X": ["sasl.password=hunter2", "ssl.key.password=hunter2"]})


def test_broken_toml_shows_its_line(tmp_path: Path) -> None:
    """The line that cannot be read is named and shown."""
    profile = tmp_path / "broken.toml"
    profile.write_text('[properties]\n"linger.ms" = = 5\n')

    said = problems({**MOCK, "profile": str(profile)})

    assert "line 2" in said
    assert '"linger.ms" = = 5' in said


@pytest.mark.parametrize(
    "content", [b"\xff\xfe[\x00r\x00u\x00n\x00]\x00", b"[surprise]\nx = 1\n", b"[run]\nwokers = 1\n"]
)
def test_strange_profiles_are_refused(tmp_path: Path, content: bytes) -> None:
    """Another encoding, an unknown table, an unknown setting: one line each, no traceback."""
    profile = tmp_path / "strange.toml"
    profile.write_bytes(content)

    assert str(profile) in problems({**MOCK, "profile": str(profile)})


def test_a_secret_may_come_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`file:` and `env:` are read; the result's copy is for the client only."""
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("THE_USER", "alice")
    settings = resolve({**MOCK, "X": [f"sasl.password=file:{secret}", "sasl.username=env:THE_USER"]}, {})

    assert settings.properties["sasl.password"] == "s3cret"


def test_a_serializer_alone_means_fresh_events() -> None:
    """Given without --events a serializer would change nothing that is measured, so it implies fresh."""
    assert resolve({**MOCK, "serializer": "orjson"}, {}).events == "fresh"
    assert resolve({**MOCK, "serializer": "orjson", "events": "stamped"}, {}).events == "stamped"


def test_the_table_is_librdkafkas_own() -> None:
    """Names, types and bounds are those of the library in use: each default passes its own row."""
    rows = table()

    assert rows["linger.ms"].bounds == "0 .. 900000"
    for row in rows.values():
        if row.default and row.kind in {"integer", "float", "boolean", "enum value"} and row.side != "C":
            assert row.problem_with(row.default) is None, row


def test_java_names_are_translated() -> None:
    """buffer.memory in bytes is queue.buffering.max.kbytes."""
    settings = resolve({**MOCK, "X": ["buffer.memory=33554432"]}, {})

    assert settings.properties["queue.buffering.max.kbytes"] == "32768"
    assert "buffer.memory" not in settings.properties
    assert problems_in({name: (value, "test") for name, value in settings.properties.items()}) == []
