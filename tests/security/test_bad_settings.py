"""R10: bad settings are refused before any socket opens, by the whole command, each with its key and its bound."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadgen.brokers import connection
from loadgen.cli.app import main
from loadgen.producer import kafka
from loadgen.properties import table
from tests.faults.record import Row, append

# arguments after `run --start mock`, or whole when they name their own target; what the line must say
MOCK: list[tuple[list[str], tuple[str, ...]]] = [
    (["-X", "lingr.ms=5"], ("lingr.ms", "linger.ms?")),
    (["-X", "message.max.bytes=4294969296"], ("message.max.bytes", "1000 .. 1000000000")),
    (["-X", "message.max.bytes=999"], ("message.max.bytes", "1000 .. 1000000000")),
    (["-X", "acks=7"], ("acks", "all (-1), 0 or 1")),
    (["-X", "acks=-2"], ("acks", "-1 .. 1000")),
    (["-X", "acks=some"], ("acks", "-1 .. 1000")),
    (["-X", "acks=1"], ("acks", "enable.idempotence=false")),
    (["-X", "linger.ms=1e3"], ("linger.ms", "0 .. 900000")),
    (["-X", "linger.ms=-1"], ("linger.ms", "0 .. 900000")),
    (["-X", "linger.ms=nan"], ("linger.ms", "0 .. 900000")),
    (["-X", "linger.ms=900001"], ("linger.ms", "0 .. 900000")),
    (["-X", "linger.ms="], ("linger.ms", "0 .. 900000")),
    (["-X", "batch.size=0x10"], ("batch.size", "1 .. 2147483647")),
    (["-X", "batch.size=+16384"], ("batch.size", "1 .. 2147483647")),
    (["-X", "batch.size=16_384"], ("batch.size", "1 .. 2147483647")),
    (["-X", "batch.size=16 384"], ("batch.size", "1 .. 2147483647")),
    (["-X", "batch.size=٣"], ("batch.size", "1 .. 2147483647")),
    (["-X", "batch.size=2000000"], ("batch.size", "message.max.bytes")),
    (["-X", "compression.type=lzma"], ("compression.type", "none, gzip, snappy, lz4, zstd")),
    (["-X", "compression.type=GZIP "], ("compression.type", "none, gzip")),
    (["-X", "compression.level=13"], ("compression.level", "-1 .. 12")),
    (["-X", "enable.idempotence=yes"], ("enable.idempotence", "true, false")),
    (["-X", "max.in.flight=6"], ("max.in.flight", "at most 5")),
    (["-X", "retries=0"], ("retries", "at least 1")),
    (["-X", "message.timeout.ms=300"], ("message.timeout.ms", "at least 1000")),
    (["-X", "request.timeout.ms=0"], ("request.timeout.ms", "1 .. 900000")),
    (["-X", "queue.buffering.max.messages=-1"], ("queue.buffering.max.messages", "0 .. 2147483647")),
    (["-X", "queue.buffering.max.kbytes=0"], ("queue.buffering.max.kbytes", "1 .. 2147483647")),
    (["-X", "socket.send.buffer.bytes=100000001"], ("socket.send.buffer.bytes", "0 .. 100000000")),
    (["-X", "security.protocol=tls"], ("security.protocol", "plaintext, ssl, sasl_plaintext, sasl_ssl")),
    (["-X", "partitioner=roundrobin"], ("partitioner", "random, consistent")),
    (["-X", "sasl.mechanisms=SCRAM"], ("sasl.mechanisms", "SCRAM-SHA-256, SCRAM-SHA-512")),
    (["-X", "group.id=x"], ("group.id", "consumer's property")),
    (["-X", "transactional.id=x"], ("transactional.id", "not part of a run")),
    (["-X", "bootstrap.servers=h:1"], ("bootstrap.servers", "-b")),
    (["-X", "statistics.interval.ms=5"], ("statistics.interval.ms", "one second")),
    (["-X", "dr_msg_cb=x"], ("dr_msg_cb", "callback")),
    (["-X", "linger.ms"], ("linger.ms", "key=value")),
    (["-X", "=5"], ("unknown property",)),
    (["-X", "sasl.password=hunter2"], ("sasl.password", "LOADGEN_X_SASL_PASSWORD")),
    (["-X", "ssl.key.password=env:NOT_THERE"], ("ssl.key.password", "NOT_THERE is not set")),
    (["-X", "plugin.library.paths=/x.so"], ("refused: plugin.library.paths",)),
    (["-X", "ssl.providers=x"], ("refused: ssl.providers", "--allow-unsafe")),
    (
        ["-X", "security.protocol=ssl", "-X", "enable.ssl.certificate.verification=false"],
        ("refused: enable.ssl.certificate.verification", "--allow-unsafe"),
    ),
    (["-r", "200q/s"], ("--rate", "200k/s")),
    (["-r", "-5"], ("--rate", "not a rate")),
    (["-r", "0"], ("--rate", "above 0")),
    (["-r", "1e3"], ("--rate", "not a rate")),
    (["-r", "2000000000/s"], ("--rate", "1,000,000,000/s")),
    (["-r", "201%"], ("--rate", "200 %")),
    (["-w", "0"], ("--workers", "1 … 1,024")),
    (["-w", "1000000000"], ("--workers", "1 … 1,024")),
    (["-w", "2", "--producers", "1"], ("--producers 1", "--workers 2")),
    (["-d", "-1s"], ("-d",)),
    (["-d", "400d"], ("--duration", "30s")),
    (["-d", "2h"], ("--max-time", "3,600 s")),
    (["-n", "1M", "-r", "100/s"], ("--max-time", "-n 1,000,000")),
    (["-n", "1.5"], ("--count", "whole number")),
    (["-r", "1M/s", "-d", "10m"], ("--max-bytes", "50 GiB")),
    (["--max-bytes", "many"], ("--max-bytes", "50GiB")),
    (["-t", "a/b"], ("--topic", "1 to 249")),
    (["-t", "x" * 250], ("--topic", "1 to 249")),
    (["-t", ".."], ("--topic", "topic name")),
    (["--partitions", "0"], ("--partitions", "1 … 100,000")),
    (["--replication-factor", "0"], ("--replication-factor", "1 … 100")),
    (["--topic-config", "retention.ms"], ("--topic-config", "name=value")),
    (["--slo", "nonsense<5ms"], ("nonsense", "unknown metric")),
    (["--slo", "response.p99<5"], ("response.p99<5",)),
    (["--slo", "response.p99<5ms"], ("-r 70%",)),
    (["--events", "stampd"], ("--events", "stamped?")),
    (["--serializer", "json"], ("--serializer", "msgspec, orjson, pydantic")),
    (["--line-items", "5-1"], ("--line-items", "1 … 1000")),
    (["--keys", "zipf:x:10"], ("--keys", "exponent")),
    (["--entropy", "1.5"], ("--entropy", "0 to 1")),
    (["--record-size", "10", "--payload-file", "f"], ("--record-size", "--payload-file")),
    (["--payload-file", "not-there"], ("not-there",)),
    (["--events", "fresh:no_such_module:f"], ("no_such_module",)),
    (["--ramp", "1k..2k"], ("--ramp", "needs -d")),
    (["--steps", "1k,x", "-d", "5s"], ("--steps", "'x'")),
    (["--verify", "ids"], ("--verify", "--start kafka")),
    (["--verify", "some", "-r", "5/s"], ("--verify", "ids, full")),
    (["--profile", "balanc"], ("balanc", "balanced?")),
    (["--seed", "-1"], ("-1",)),
    (["--drain", "0s"], ("--drain", "above 0")),
    (["-H", "no-equals"], ("--header", "name=value")),
    (["--lingr", "5"], ("--lingr",)),
    (["-F", "not-there"], ("not-there", "no such file")),
    (["--export", "xml=f"], ("xml", "csv")),
]
WHOLE: list[tuple[list[str], dict[str, str], tuple[str, ...]]] = [
    (["run"], {}, ("-b HOST:PORT", "--start mock")),
    (["run"], {"LOADGEN_BOOTSTRAP_SERVERS": ""}, ("LOADGEN_BOOTSTRAP_SERVERS", "empty")),
    (["run"], {"RPK_BROKERS": ""}, ("RPK_BROKERS", "empty")),
    (["run", "-b", "localhost"], {}, ("localhost", "host:port")),
    (["run", "-b", "h:99999"], {}, ("h:99999", "host:port")),
    (["run", "-b", "h:1,"], {}, ("host:port",)),
    (["run", "-b", "h:1", "--start", "mock"], {}, ("-b", "--start")),
    (["run", "--broker", "h:1"], {}, ("-b", "--start")),
    (["run", "--start", "rabbit"], {}, ("--start", "mock, kafka, redpanda")),
    (["run", "--start", "mock"], {"LOADGEN_WORKERS": "many"}, ("LOADGEN_WORKERS", "whole number")),
    (["run", "--start", "mock"], {"LOADGEN_X_ACKS": "7"}, ("LOADGEN_X_ACKS", "all (-1), 0 or 1")),
    (["run", "-b", "192.168.1.1:1", "-X", "security.protocol=sasl_plaintext"], {}, ("refused:", "--allow-unsafe")),
    (["rnu"], {}, ("run",)),
]
FILES: list[tuple[bytes, tuple[str, ...]]] = [
    (b'[properties]\n"linger.ms" = = 5\n', ("line 2", '"linger.ms" = = 5')),
    (b'[properties]\n"linger.ms" = 5\n"linger.ms" = 6\n', ("line 3",)),
    (b"\xff\xfe[\x00r\x00u\x00n\x00]\x00", ("UTF-8",)),
    (b"[run]\nwokers = 1\n", ("wokers", "workers?")),
    (b"[surprise]\nx = 1\n", ("surprise", "[run]")),
    (b"[run]\nrate = 1\nrate = 2\n", ("line 3",)),
    (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ("not TOML", "line 1")),
    (b'[run]\nevents = "fresh:os:_exit"\n', ("refused: events", "--allow-unsafe")),
    (b"[properties]\nacks = 7\n", ("acks", "all (-1), 0 or 1")),
    (b'[properties]\n"plugin.library.paths" = "/x.so"\n', ("refused: plugin.library.paths",)),
]


@pytest.fixture(autouse=True)
def nothing_opens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any socket, client or process ends the test; files go to a folder of its own."""

    def opened(*_: Any, **__: Any) -> None:
        pytest.fail("something was opened")

    monkeypatch.setattr(socket.socket, "connect", opened)
    monkeypatch.setattr(socket, "create_connection", opened)
    monkeypatch.setattr(kafka, "Producer", opened)
    monkeypatch.setattr(connection, "AdminClient", opened)
    monkeypatch.setattr(subprocess, "Popen", opened)
    monkeypatch.chdir(tmp_path)
    for name in ("LOADGEN_BOOTSTRAP_SERVERS", "RPK_BROKERS", "KCAT_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def refused(arguments: list[str], said: tuple[str, ...], capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    before = set(folder.iterdir())
    code = main(arguments)
    told = capsys.readouterr()

    assert code == 2, told
    assert told.out == ""
    for words in said:
        assert words in told.err
    assert "Traceback" not in told.err
    assert "hunter2" not in told.err
    assert set(folder.iterdir()) - before <= {folder / "results"}
    append(
        Row(anchor="R10", fault="bad settings", test="test_bad_settings", found="each refused before a socket opened")
    )


@pytest.mark.parametrize(("arguments", "said"), MOCK, ids=[" ".join(row[0])[:60] for row in MOCK])
def test_a_bad_flag(
    arguments: list[str], said: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 2, the key and its bound, nothing opened, nothing written."""
    refused(["run", "--start", "mock", *arguments], said, capsys, tmp_path)


@pytest.mark.parametrize(("arguments", "environ", "said"), WHOLE, ids=[" ".join(row[0])[:60] for row in WHOLE])
def test_a_bad_target_or_variable(
    arguments: list[str],
    environ: dict[str, str],
    said: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The same for what names the cluster, and for variables."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    refused(arguments, said, capsys, tmp_path)


@pytest.mark.parametrize(("content", "said"), FILES, ids=[row[1][0] for row in FILES])
def test_a_bad_file(content: bytes, said: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same for profile files."""
    (tmp_path / "p.toml").write_bytes(content)
    refused(["run", "--start", "mock", "--profile", "p.toml"], said, capsys, tmp_path)


def test_there_are_enough_of_them() -> None:
    """Sixty at least were promised."""
    assert len(MOCK) + len(WHOLE) + len(FILES) >= 60


def test_every_bound_of_every_number_holds() -> None:
    """Of each numeric property both bounds are taken as they are, and one beyond each is refused: nothing wraps around."""
    checked = 0
    for row in table().values():
        if row.kind != "integer":
            continue
        low, high = (int(bound) for bound in row.bounds.split(" .. "))
        assert row.problem_with(str(low)) is None
        assert row.problem_with(str(high)) is None
        for beyond in (low - 1, high + 1, high + (1 << 32), low - (1 << 32)):
            assert row.problem_with(str(beyond)) is not None, (row.name, beyond)
        checked += 1
    assert checked > 60
