"""A client's property file as people have it, read as librdkafka's properties; every key is taken, skipped by name or refused.

Java's names become librdkafka's, a JAAS line becomes user and password, PEM stores become certificate and CA. What only a
JVM can use is skipped and said; a JKS or PKCS#12 store is refused with the line that makes the PEM of it.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from loadgen.errors import UsageError
from loadgen.profile.property_file import Line, Style, read_lines
from loadgen.properties import RESERVED, table, translated

Sourced = dict[str, tuple[str, str]]

# Java's names for what librdkafka calls otherwise; values are the same
RENAMED = {
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
}
# Java's names that mean nothing to a C client, whole or by their beginning
JVM_ONLY = re.compile(
    r"""(key|value)\.(de)?serializer(\..*)? | partitioner(\..*)? | interceptor\.classes | metric\.reporters | metrics\..*
    | auto\.include\.jmx\.reporter | max\.block\.ms | security\.providers | config\.providers(\..*)?
    | default\.api\.timeout\.ms | internal\..* | transaction\.two\.phase\.commit\.enable
    | sasl\.(client|login|server)\..* | sasl\.kerberos\.ticket\..* | sasl\.kerberos\.min\.time\.before\.relogin
    | ssl\.(protocol|enabled\.protocols|provider|keymanager\.algorithm|trustmanager\.algorithm)
    | ssl\.(secure\.random\.implementation|engine\.factory\.class) | ssl\.truststore\.password""",
    re.VERBOSE,
)
_OURS = {"bootstrap.servers", "metadata.broker.list"}
_STORES = re.compile(r"ssl\.(truststore|keystore)\.(type|location)|ssl\.keystore\.password")
_JAAS_MODULES = ("PlainLoginModule", "ScramLoginModule")
_REFERENCE = re.compile(r"\$\{[^}]*\}")


class ClientFile(NamedTuple):
    """What a file gives.

    Attributes:
        properties: librdkafka's, name → (value, where it stands).
        bootstrap: host:port,… and where it stands; None when the file names no cluster.
        notes: what was renamed or skipped, a line each.
    """

    properties: Sourced
    bootstrap: tuple[str, str] | None
    notes: Sequence[str]


def read_client_file(path: Path, style: Style = "java") -> ClientFile:
    """A client.properties, or a file of librdkafka's own names.

    Args:
        style: "kcat" when a backslash is no escape.

    Raises:
        UsageError: everything in it that cannot be used, a line each.
    """
    lines = {line.key: line for line in read_lines(path, style)}
    reading = _Reading(path, lines, style)
    for line in lines.values():
        reading.take(line)
    if style == "java":
        reading.take_stores()
    if reading.problems:
        raise UsageError(*reading.problems)
    return ClientFile(reading.properties, reading.bootstrap, reading.told())


class _Reading:
    """One pass over a file's lines."""

    def __init__(self, path: Path, lines: dict[str, Line], style: Style) -> None:
        self.path, self.lines, self.style = path, lines, style
        self.properties: Sourced = {}
        self.bootstrap: tuple[str, str] | None = None
        self.skipped: list[str] = []
        self.renamed: list[str] = []
        self.problems: list[str] = []

    def origin(self, line: Line) -> str:
        return f"{self.path}:{line.number}"

    def take(self, line: Line) -> None:
        """A line that stands for itself; stores are taken together at the end."""
        if _REFERENCE.search(line.value):
            self.problems.append(
                f"{self.origin(line)}: {line.key} is a reference that a JVM's config provider fills in; "
                "name its value as env:NAME or file:PATH"
            )
        elif line.key in _OURS:
            self.bootstrap = line.value, self.origin(line)
        elif line.key == "sasl.jaas.config":
            self.take_jaas(line)
        elif line.key == "ssl.endpoint.identification.algorithm":
            # empty is how Java's client is told not to compare names
            self.put(line.key, line.value.lower() or "none", line)
        elif line.key == "ssl.cipher.suites" and "_WITH_" in line.value:
            self.skipped.append(line.key)  # a JVM's names of ciphers
        elif self.style == "java" and _STORES.fullmatch(line.key):
            return
        elif JVM_ONLY.fullmatch(line.key) or self._not_for_a_run(line.key):
            self.skipped.append(line.key)
        else:
            self.put(RENAMED.get(line.key, line.key), line.value, line)

    def _not_for_a_run(self, key: str) -> bool:
        """A consumer's property in a file that both share, or one that a run sets itself."""
        return key in RESERVED or (key in table() and table()[key].side == "C")

    def put(self, name: str, value: str, line: Line) -> None:
        """A property under librdkafka's name."""
        name, value = translated(name, value)
        if name != line.key:
            self.renamed.append(f"{line.key} as {name}")
        self.properties[name] = value, self.origin(line)

    def take_jaas(self, line: Line) -> None:
        """`…PlainLoginModule required username="u" password="p";` as user and password."""
        module = re.match(r"\s*(?:[\w.]+\.)?(\w+)\s+(required|requisite|sufficient|optional)\b", line.value)
        if module is None or module[1] not in _JAAS_MODULES:
            named = f"{module[1]} is not" if module else "this line is none of"
            self.problems.append(
                f"{self.origin(line)}: sasl.jaas.config: {named} PlainLoginModule or ScramLoginModule; "
                "set sasl.mechanisms and its properties by librdkafka's names instead: loadgen config list"
            )
            return
        options = dict(_options(line.value[module.end() :]))
        for option, name in (("username", "sasl.username"), ("password", "sasl.password")):
            if option in options:
                self.put(name, options[option], line)
            else:
                self.problems.append(f"{self.origin(line)}: sasl.jaas.config holds no {option}")
        if not {"sasl.mechanism", "sasl.mechanisms"} & self.lines.keys():
            self.problems.append(f"{self.path}: sasl.jaas.config but no sasl.mechanism: PLAIN, SCRAM-SHA-256 or -512?")

    def take_stores(self) -> None:
        """PEM stores as files of librdkafka; others with the line that makes a PEM of them."""
        for kind in ("truststore", "keystore"):
            location = self.lines.get(f"ssl.{kind}.location")
            if location is None:
                continue
            store = self.lines.get(f"ssl.{kind}.type")
            form = store.value.upper() if store else _form_by_name(location.value)
            if form != "PEM":
                self.problems.append(
                    f"{self.origin(location)}: ssl.{kind}.location={location.value} is a {form} store, which only a JVM "
                    f"reads. Make the PEM of it: {_conversion(kind, form, location.value)}"
                )
            elif kind == "truststore":
                self.put("ssl.ca.location", location.value, location)
            else:
                self.put("ssl.certificate.location", location.value, location)
                self.put("ssl.key.location", location.value, location)

    def told(self) -> list[str]:
        """What became of the file, for people."""
        notes = []
        if self.renamed:
            notes.append(f"{self.path}: read {', '.join(self.renamed)}")
        if self.skipped:
            notes.append(
                f"{self.path}: skipped {', '.join(self.skipped)}: not for a client that is no JVM and only sends"
            )
        return notes


def _options(text: str) -> list[tuple[str, str]]:
    """name="value" pairs of a JAAS line; a backslash escapes inside quotes."""
    found = re.findall(r"(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]+))", text)
    return [(name, bare or re.sub(r"\\(.)", r"\1", quoted)) for name, quoted, bare in found]


def _form_by_name(location: str) -> str:
    """What Java would take it for: without a type, a store is JKS; a name that says more is believed."""
    suffix = Path(location).suffix.lower()
    return {".pem": "PEM", ".crt": "PEM", ".p12": "PKCS12", ".pfx": "PKCS12"}.get(suffix, "JKS")


def _conversion(kind: str, form: str, location: str) -> str:
    """The shell line that makes a PEM, and what to set afterwards. It asks for the store's password at the terminal."""
    store, pem = shlex.quote(location), shlex.quote(str(Path(location).with_suffix(".pem")))
    setting = f"then ssl.{kind}.type=PEM and ssl.{kind}.location={Path(location).with_suffix('.pem')}"
    if kind == "truststore":
        return f"keytool -list -rfc -keystore {store} > {pem}; {setting}"
    if form == "PKCS12":
        return f"openssl pkcs12 -in {store} -nodes -out {pem}; {setting}"
    middle = shlex.quote(str(Path(location).with_suffix(".p12")))
    return (
        f"keytool -importkeystore -srckeystore {store} -destkeystore {middle} -deststoretype PKCS12 && "
        f"openssl pkcs12 -in {middle} -nodes -out {pem}; {setting}"
    )
