"""R13: twelve secrets and more in one run, with the client's log at its loudest, and none of them to be found anywhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from loadgen.errors import LoadgenError
from loadgen.profile import origins, resolve
from loadgen.properties import HIDDEN, redacted, table
from loadgen.runner.coordinator import carry_out
from tests.brokers.guarded import CANARY, Guarded
from tests.cli.test_command_line import ROOT
from tests.faults.record import Row, append

KEY_PASSWORD = "canary-key-password-81c2"
# taken by librdkafka and not used with SCRAM, so that each may hold whatever it likes
UNUSED = {
    "sasl.oauthbearer.config": "principal=canary-config-11aa",
    "sasl.oauthbearer.client.id": "canary-client-22bb",
    "sasl.oauthbearer.client.secret": "canary-client-secret-33cc",
    "sasl.oauthbearer.assertion.private.key.pem": "canary-private-key-44dd",
    "sasl.oauthbearer.assertion.private.key.passphrase": "canary-passphrase-55ee",
    "ssl.keystore.password": "canary-keystore-66ff",
}


def secrets_of(guarded: Guarded, folder: Path) -> dict[str, str]:
    """A user, a password, an encrypted key, certificates as text, and what is not used: by property."""
    encrypted = folder / "encrypted.key"
    subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            str(guarded.alice),
            "-out",
            str(encrypted),
            "-passout",
            f"pass:{KEY_PASSWORD}",
        ],
        check=True,
        capture_output=True,
    )
    return UNUSED | {
        "sasl.username": CANARY,
        "sasl.password": f"{CANARY}-secret",
        "ssl.key.pem": encrypted.read_text(),
        "ssl.key.password": KEY_PASSWORD,
        "ssl.certificate.pem": (guarded.alice.parent / "alice.pem").read_text(),
        "ssl.ca.pem": guarded.ca.read_text(),
    }


def needles(secrets: dict[str, str]) -> dict[str, str]:
    """What to look for: the secret itself, of a PEM a line from its middle."""
    return {
        name: value.splitlines()[len(value.splitlines()) // 2] if "BEGIN" in value else value
        for name, value in secrets.items()
    }


def command_lines() -> Iterator[str]:
    """Of every process of this machine, and the environments are not among them: those only their owner reads."""
    for process in psutil.process_iter(["cmdline"]):
        yield " ".join(process.info["cmdline"] or ())


@pytest.mark.kafka
@pytest.mark.parametrize("right", [True, False], ids=["let in", "refused"])
def test_no_secret_is_found_anywhere(guarded: Guarded, tmp_path: Path, right: bool) -> None:
    """Not on stdout, stderr, in the log at debug=all, in any file that was saved, nor on any command line meanwhile."""
    secrets = secrets_of(guarded, tmp_path)
    assert len(secrets) >= 12
    if not right:
        secrets["sasl.password"] = "canary-wrong-77aa"
    environ = {f"LOADGEN_X_{name.upper().replace('.', '_')}": value for name, value in secrets.items()}
    out = tmp_path / "out"
    command = [sys.executable, "-m", "loadgen", "run", "-b", guarded.address("SASLTLS", "localhost")]
    command += ["-X", "security.protocol=sasl_ssl", "-X", "sasl.mechanisms=SCRAM-SHA-256", "-X", "debug=all"]
    command += ["-r", "200/s", "-d", "1s", "--warmup", "0s", "-w", "1", "--json", str(tmp_path / "r.json")]
    command += ["--out", str(out), "--progress", "plain", "--report-md", str(tmp_path / "r.md")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LOADGEN_", "RPK_"))}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(ROOT), **environ},
    )
    seen: set[str] = set()
    while process.poll() is None:
        seen.update(command_lines())
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    told, complained = process.communicate()

    assert process.returncode == (0 if right else 3), complained.decode()
    haystacks = {"stdout": told.decode(), "stderr": complained.decode(), "command lines": "\n".join(seen)}
    for path in [*out.rglob("*"), tmp_path / "r.json", tmp_path / "r.md"]:
        if path.is_file():
            haystacks[path.name] = path.read_bytes().decode("utf-8", "replace")
    assert "loadgen.runner.worker" in haystacks["command lines"] or not right
    assert ("report.html" in haystacks) is right
    hits = [
        (where, name) for where, text in haystacks.items() for name, word in needles(secrets).items() if word in text
    ]
    assert hits == []
    found = f"{len(secrets)} secrets, {len(haystacks)} places, 0 found"
    append(
        Row(
            anchor="R13",
            fault=f"secrets at debug=all, {'let in' if right else 'refused'}",
            test="test_secrets",
            found=found,
        )
    )


def test_no_secret_stands_in_a_traceback_or_a_complaint(tmp_path: Path) -> None:
    """What a crash would print of a run's settings, and what is said when the client does not take them."""
    environ = {f"LOADGEN_X_{name.upper().replace('.', '_')}": f"canary-{at}-x" for at, name in enumerate(sensitive())}
    settings = resolve({"start": "mock"}, environ)
    flags = {"start": "mock", "rate": "100/s", "duration": "1s", "warmup": "0s"}
    broken = resolve(flags, {"LOADGEN_X_SSL_CA_PEM": "canary-ca", "LOADGEN_X_SECURITY_PROTOCOL": "ssl"})

    with pytest.raises(LoadgenError) as caught:
        carry_out(broken)
    told = f"{settings!r} {settings} {origins({}, environ)} {redacted(settings.properties)} {caught.value!r} {caught.value}"
    assert "canary-" not in told


def sensitive() -> list[str]:
    """The properties that librdkafka itself never logs (_RK_SENSITIVE in its rdkafka_conf.c), by the names it has for them."""
    marks = ("password", "secret", "passphrase", ".pem", "username", "oauthbearer.config", "oauthbearer.client.id")
    return [name for name, row in table().items() if name.endswith(marks) and row.kind == "string" and not row.alias_of]


def test_every_sensitive_property_is_hidden() -> None:
    """None that librdkafka hides is shown by us; a new one in its table is caught here."""
    assert len(sensitive()) >= 12
    assert [name for name in sensitive() if not HIDDEN.search(name)] == []
