"""R11: a configuration cannot run code. Each canary is first shown to fire where nothing stops it."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from loadgen.errors import UsageError
from loadgen.profile import resolve
from loadgen.properties import RUNS_CODE
from loadgen.runner.api import run
from tests.faults.record import Row, append

PLUGIN = """
#include <stdio.h>
int conf_init(void *conf, void **opaque, char *text, size_t size) {
    (void)conf; (void)opaque; (void)text; (void)size;
    FILE *canary = fopen("%s", "w"); if (canary) fclose(canary);
    return 0;
}
"""


def client(**properties: str) -> str:
    """What librdkafka says of properties that nobody checked; empty when it takes them."""
    try:
        Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, **properties})
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


@pytest.fixture
def canaries(tmp_path: Path) -> dict[str, str]:
    """A plug-in and a command that each leave a file, by property; the file is `fired`."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no canary library: no C compiler")
    source, library = tmp_path / "canary.c", tmp_path / "canary.so"
    source.write_text(PLUGIN % (tmp_path / "fired"))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"plugin.library.paths": str(library), "sasl.kerberos.kinit.cmd": f"touch {tmp_path / 'fired'}"}


def appears(path: Path, within_s: float) -> bool:
    pause = threading.Event()
    for _ in range(round(within_s / 0.02)):
        if path.exists():
            return True
        pause.wait(0.02)
    return False


def test_the_canaries_fire_where_nothing_stops_them(canaries: dict[str, str], tmp_path: Path) -> None:
    """The fault is real: librdkafka loads the library, and runs the command as soon as a client is made, where it was built
    with GSSAPI; the wheels on PyPI are not, and say so.
    """
    fired = tmp_path / "fired"
    client(**{"plugin.library.paths": canaries["plugin.library.paths"]})
    assert appears(fired, 10)
    fired.unlink()
    kerberos = {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "GSSAPI"}
    said = client(**kerberos, **{"sasl.kerberos.kinit.cmd": canaries["sasl.kerberos.kinit.cmd"]})
    assert "No provider for SASL mechanism GSSAPI" in said or appears(fired, 10)


def by_flag(name: str, value: str, folder: Path) -> Any:
    return resolve({"start": "mock", "X": [f"{name}={value}"]}, {})


def by_environment(name: str, value: str, folder: Path) -> Any:
    return resolve({"start": "mock"}, {"LOADGEN_X_" + name.upper().replace(".", "_"): value})


def by_client_file(name: str, value: str, folder: Path) -> Any:
    (folder / "f").write_text(f"{name}={value}\n")
    return resolve({"start": "mock", "command_config": str(folder / "f")}, {})


def by_kcats_file(name: str, value: str, folder: Path) -> Any:
    (folder / "f").write_text(f"bootstrap.servers=127.0.0.1:1\n{name}={value}\n")
    return resolve({}, {"KCAT_CONFIG": str(folder / "f")})


def by_profile(name: str, value: str, folder: Path) -> Any:
    (folder / "p.toml").write_text(f'[properties]\n"{name}" = "{value}"\n')
    return resolve({"start": "mock", "profile": str(folder / "p.toml")}, {})


def by_program(name: str, value: str, folder: Path) -> Any:
    return run(start="mock", properties={name: value}, duration="1s")


@pytest.mark.parametrize("name", ["plugin.library.paths", "sasl.kerberos.kinit.cmd"])
@pytest.mark.parametrize("way", [by_flag, by_environment, by_client_file, by_kcats_file, by_profile, by_program])
def test_no_way_in_fires_a_canary(
    canaries: dict[str, str], tmp_path: Path, way: Callable[[str, str, Path], Any], name: str
) -> None:
    """Refused by name from wherever it comes, before a client is made."""
    with pytest.raises(UsageError, match=f"refused: {name} .* can load or run code"):
        way(name, canaries[name], tmp_path)
    assert not appears(tmp_path / "fired", 0.3)
    append(Row(anchor="R11", fault="configuration that runs code", test="test_runs_no_code", found="0 canaries fired"))


@pytest.mark.parametrize("name", sorted(RUNS_CODE))
def test_the_whole_deny_list(name: str) -> None:
    """Each is refused; --allow-unsafe lets all through but the plug-ins, whose place the instrument needs."""
    with pytest.raises(UsageError, match=f"^refused: {name}"):
        resolve({"start": "mock", "X": [f"{name}=x"]}, {})
    if name == "plugin.library.paths":
        with pytest.raises(UsageError, match=f"^refused: {name}"):
            resolve({"start": "mock", "X": [f"{name}=x"], "allow_unsafe": True}, {})
    else:
        assert resolve({"start": "mock", "X": [f"{name}=x"], "allow_unsafe": True}, {}).properties[name] == "x"
