"""The files and variables that people have: a Java client's properties whole, kcat's, rpk's environment."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.profile import origins, resolve
from loadgen.profile.java_client import read_client_file
from loadgen.profile.property_file import Line, read_lines
from loadgen.profile.rpk import rpk_properties

WHOLE = r"""
# for every client of the platform
! also a comment
bootstrap.servers=one.internal:9094,\
    two.internal:9094
security.protocol = SASL_SSL
sasl.mechanism: SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
    username="alice" password="s\\"e;c=r #t";
ssl.truststore.type=PEM
ssl.truststore.location=/etc/kafka/ca.pem
ssl.keystore.type=PEM
ssl.keystore.location=/etc/kafka/client.pem
ssl.truststore.password=changeit
ssl.protocol=TLSv1.3
ssl.cipher.suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
key.serializer=org.apache.kafka.common.serialization.StringSerializer
partitioner.class=com.example.Ours
sasl.login.callback.handler.class=com.example.Handler
buffer.memory=33554432
max.request.size=1048576
send.buffer.bytes=131072
delivery.timeout.ms=60000
acks=all
group.id=readers
enable.metrics.push=true
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "client.properties"
    path.write_text(text, "utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    """What is said about a file that cannot be used."""
    with pytest.raises(UsageError) as caught:
        read_client_file(written(folder, text))
    assert caught.value.exit_code == 2
    return "\n".join(caught.value.problems)


def test_a_java_file_is_read_whole(tmp_path: Path) -> None:
    """Every key is taken under librdkafka's name, or skipped and named; nothing is left without a word."""
    file = read_client_file(written(tmp_path, WHOLE))

    assert {name: value for name, (value, _) in file.properties.items()} == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "alice",
        "sasl.password": 's"e;c=r #t',
        "ssl.ca.location": "/etc/kafka/ca.pem",
        "ssl.certificate.location": "/etc/kafka/client.pem",
        "ssl.key.location": "/etc/kafka/client.pem",
        "queue.buffering.max.kbytes": "32768",
        "message.max.bytes": "1048576",
        "socket.send.buffer.bytes": "131072",
        "delivery.timeout.ms": "60000",
        "acks": "-1",
    }
    assert file.bootstrap == ("one.internal:9094,two.internal:9094", f"{tmp_path / 'client.properties'}:4")
    read, skipped = file.notes
    assert "buffer.memory as queue.buffering.max.kbytes" in read
    for key in (
        "ssl.truststore.password",
        "ssl.protocol",
        "ssl.cipher.suites",
        "key.serializer",
        "partitioner.class",
        "sasl.login.callback.handler.class",
        "group.id",
        "enable.metrics.push",
    ):
        assert key in skipped


def test_a_file_goes_into_a_run(tmp_path: Path) -> None:
    """With -F alone a run knows its cluster, its user and where each value stands; the secret is shown nowhere."""
    flags = {"command_config": str(written(tmp_path, WHOLE))}
    found = resolve(flags, {"RPK_BROKERS": "elsewhere:1", "LOADGEN_X_ACKS": "1"})
    told = origins(flags, {})

    assert found.bootstrap == "one.internal:9094,two.internal:9094"
    assert found.properties["sasl.password"] == 's"e;c=r #t'
    assert found.properties["acks"] == "-1"
    assert len(found.notes) == 2
    line = WHOLE.splitlines().index("acks=all") + 1
    assert ("acks", "-1", f"{tmp_path / 'client.properties'}:{line}") in told
    assert "c=r #t" not in str(told)
    assert "alice" not in str(told)


def test_another_name_of_the_same_property_is_replaced_and_not_set_twice(tmp_path: Path) -> None:
    """-X message.timeout.ms wins over the file's delivery.timeout.ms, and that over the profile's: they are one."""
    flags: dict[str, Any] = {"command_config": str(written(tmp_path, "delivery.timeout.ms=60000\n")), "start": "mock"}

    from_file = resolve(flags, {}).properties
    from_flag = resolve({**flags, "X": ["message.timeout.ms=45000"]}, {}).properties

    assert from_file.get("delivery.timeout.ms") == "60000"
    assert "message.timeout.ms" not in from_file
    assert from_flag.get("message.timeout.ms") == "45000"
    assert "delivery.timeout.ms" not in from_flag


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("ssl.truststore.location=/x/trust.jks", "keytool -list -rfc -keystore /x/trust.jks > /x/trust.pem"),
        ("ssl.truststore.location=/x/trust", "is a JKS store"),
        ("ssl.truststore.location=/x/t.jks\nssl.truststore.type=PKCS12", "is a PKCS12 store"),
        ("ssl.keystore.location=/x/me.p12", "openssl pkcs12 -in /x/me.p12 -nodes -out /x/me.pem"),
        ("ssl.keystore.location=/x/my key.jks", "keytool -importkeystore -srckeystore '/x/my key.jks'"),
    ],
)
def test_a_store_for_a_jvm_is_refused_with_the_line_that_makes_the_pem(tmp_path: Path, store: str, said: str) -> None:
    """Exit 2 names file, line and store, the command, and what to set afterwards."""
    text = complaint(tmp_path, store + "\n")

    assert said in text
    assert "type=PEM and ssl." in text
    assert "client.properties:1" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense\n", "line 1 is no key=value"),
        ("a.b=1\na.b=2\n", "a.b is given twice, in lines 1 and 2"),
        ("sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;", "Krb5LoginModule"),
        ('sasl.mechanism=PLAIN\nsasl.jaas.config=x.PlainLoginModule required username="u";', "holds no password"),
        ('sasl.jaas.config=x.PlainLoginModule required username="u" password="hunter2";', "no sasl.mechanism"),
        ("sasl.jaas.config=hunter2", "is none of PlainLoginModule or ScramLoginModule"),
        ("ssl.key.password=${file:/etc/secrets:key}", "config provider"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong is named with its line, and no value of the file is repeated."""
    answer = complaint(tmp_path, text)

    assert said in answer
    assert "hunter2" not in answer


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfea\x00=\x001\x00", "not UTF-8"), (b"a=1\n" * 400_000, "below 1 MiB")]
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """UTF-16 and sizes that no such file has."""
    path = tmp_path / "client.properties"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_client_file(path)
    with pytest.raises(UsageError, match="no such file"):
        read_client_file(tmp_path)


def test_an_unknown_key_is_named_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    """A typo in the file is not skipped as if it were a JVM's."""
    path = written(tmp_path, "acks=all\nlingr.ms=5\n")
    with pytest.raises(UsageError, match=r"lingr\.ms = '5' \(.*:2\); did you mean linger\.ms"):
        resolve({"command_config": str(path), "start": "mock"}, {})


def test_a_file_that_names_a_cluster_does_not_go_with_start(tmp_path: Path) -> None:
    """Else its user and password would go to a broker that knows neither."""
    path = written(tmp_path, "bootstrap.servers=h:1\n")
    with pytest.raises(UsageError, match=r"client\.properties:1 and --start exclude each other"):
        resolve({"command_config": str(path), "start": "mock"}, {})


KEYS = st.text("abcdefghijkl.=: \\#!é", min_size=1, max_size=12).filter(lambda key: key.strip(" \t\f"))
VALUES = st.text(max_size=30).filter(lambda value: "\r" not in value and value.isprintable())


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS.map(str.strip), VALUES, max_size=6))
def test_whatever_java_stores_is_read_back(tmp_path_factory: pytest.TempPathFactory, pairs: dict[str, str]) -> None:
    """Keys and values escaped as java.util.Properties.store does, in order."""

    def stored(text: str, escape_all_blanks: bool) -> str:
        out = ""
        for at, character in enumerate(text):
            if character in "\\=:#!" or (character == " " and (at == 0 or escape_all_blanks)):
                out += "\\"
            out += character
        return out

    # Java keeps blanks at the end of a value; this reader takes them as an editor's accident
    pairs = {key: value.rstrip() for key, value in pairs.items()}
    text = "".join(f"{stored(key, True)}={stored(value, False)}\n" for key, value in pairs.items())
    path = tmp_path_factory.mktemp("java") / "f"
    path.write_text(text, "utf-8")

    assert [(line.key, line.value) for line in read_lines(path, "java")] == list(pairs.items())


def test_kcats_file_serves_where_nothing_else_names_a_cluster(tmp_path: Path) -> None:
    """$KCAT_CONFIG: librdkafka's names, a backslash is a backslash; any other way to name a cluster leaves it out."""
    path = tmp_path / "kcat.conf"
    path.write_text("# kcat\nbootstrap.servers=kcat:1\nsecurity.protocol=SASL_SSL\nsasl.password=a\\b\n", "utf-8")
    environ = {"KCAT_CONFIG": str(path)}

    assert read_lines(path, "kcat")[2] == Line("sasl.password", "a\\b", 4)
    alone = resolve({}, environ)
    assert (alone.bootstrap, alone.properties["sasl.password"]) == ("kcat:1", "a\\b")
    for flags, more in (({"bootstrap_server": "b:1"}, {}), ({"start": "mock"}, {}), ({}, {"RPK_BROKERS": "r:1"})):
        assert "sasl.password" not in resolve(flags, environ | more).properties


def test_rpks_environment() -> None:
    """User, password, mechanism and TLS come along with RPK_BROKERS; -X and LOADGEN_X_ are nearer."""
    environ = {
        "RPK_BROKERS": "r:1",
        "RPK_USER": "alice",
        "RPK_PASS": "hunter2",
        "RPK_TLS_CA": "/ca.pem",
        "RPK_TLS_ENABLED": "true",
        "LOADGEN_X_SASL_MECHANISMS": "SCRAM-SHA-512",
    }
    found = resolve({}, environ)

    assert found.bootstrap == "r:1"
    assert {name: found.properties[name] for name in found.properties if name.startswith(("s",))} == {
        "sticky.partitioning.linger.ms": "10",
        "sasl.username": "alice",
        "sasl.password": "hunter2",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "ssl.ca.location": "/ca.pem",
        "security.protocol": "sasl_ssl",
    }
    assert "sasl.password" not in resolve({"start": "mock"}, environ).properties


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({}, None),
        ({"RPK_USER": "u", "RPK_PASS": "p"}, "sasl_plaintext"),
        ({"RPK_TLS_ENABLED": "true"}, "ssl"),
        ({"RPK_TLS_ENABLED": "false"}, None),
        ({"RPK_TLS_CERT": "c", "RPK_TLS_KEY": "k"}, "ssl"),
        ({"RPK_USER": "u", "RPK_TLS_CA": "c"}, "sasl_ssl"),
    ],
)
def test_what_rpks_variables_mean_together(environ: dict[str, str], protocol: str | None) -> None:
    """A user means SASL, anything of TLS means TLS."""
    assert rpk_properties(environ).get("security.protocol", (None, ""))[0] == protocol
