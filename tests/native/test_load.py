"""Whether the C part can be had, and if not, why: one line, never a traceback of somebody else's."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadgen import native
from loadgen.native import NativeUnavailable, library_path

NATIVE = Path(native.__file__).parent
SHOW = """
import sys
sys.path.insert(0, sys.argv[1])
from loadgen import native
if "client" in sys.argv:
    import confluent_kafka
try:
    print("loaded", native.load().PLUGIN_PATH)
except native.NativeUnavailable as error:
    print(error)
"""


def show(root: Path, *options: str) -> str:
    """What a new process says that finds `loadgen` in a folder."""
    run = subprocess.run(
        [sys.executable, "-c", SHOW, str(root), *options],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        check=True,
    )
    return run.stdout.strip()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the Python side of `loadgen.native` alone."""
    (tmp_path / "loadgen" / "native").mkdir(parents=True)
    (tmp_path / "loadgen" / "__init__.py").touch()
    shutil.copy(NATIVE / "__init__.py", tmp_path / "loadgen" / "native")
    return tmp_path


def compiled() -> Path:
    """The shared object that this test run uses."""
    return next(NATIVE.glob("_native*.so"))


def test_the_c_part_is_there() -> None:
    """An optional extension that does not compile is left out silently; not here."""
    assert str(compiled()) == native.load().PLUGIN_PATH
    assert native.load() is native.load()


def test_importing_needs_no_librdkafka() -> None:
    """Only loading does, and says what to do."""
    assert show(NATIVE.parents[1]) == (
        "no librdkafka is loaded in this process (Linux only; import confluent_kafka first)"
    )


def test_not_compiled(copy: Path) -> None:
    """Installed where there was no compiler."""
    assert show(copy, "client").startswith("the C part was not compiled: install a C compiler")


def test_made_for_another_machine(copy: Path) -> None:
    """A file of the right name that this machine cannot load."""
    shutil.copy(compiled(), copy / "loadgen" / "native")
    broken = copy / "loadgen" / "native" / compiled().name
    machine = bytearray(broken.read_bytes())
    machine[18] = 0xB7 if machine[18] != 0xB7 else 0x3E  # e_machine: arm64, or x86-64 on arm64
    broken.write_bytes(machine)

    assert show(copy, "client").startswith("the C part cannot be loaded here: ")


def test_a_copy_elsewhere_loads(copy: Path) -> None:
    """What the two tests above break is what made it fail."""
    shutil.copy(compiled(), copy / "loadgen" / "native")

    assert show(copy, "client") == f"loaded {copy / 'loadgen' / 'native' / compiled().name}"


def test_older_than_its_sources(copy: Path) -> None:
    """Pulled and not compiled again: said, where a call that is not there would have ended a worker without a word."""
    folder = copy / "loadgen" / "native"
    shutil.copy2(compiled(), folder)
    source = folder / "module.c"
    source.touch()
    compiled_s = (folder / compiled().name).stat().st_mtime

    os.utime(source, (compiled_s + 1, compiled_s + 1))
    assert show(copy, "client").startswith("loaded "), "an installed package has no order of its files"
    (copy / "pyproject.toml").touch()
    assert show(copy, "client") == "the C part is older than its sources: make install compiles it again"
    os.utime(source, (compiled_s - 1, compiled_s - 1))
    assert show(copy, "client").startswith("loaded ")


@pytest.mark.parametrize(
    ("maps", "path"),
    [
        ("7f2a-7f2b r--p 0 fe:00 1 /a b/librdkafka-0cb9.so.1\n", "/a b/librdkafka-0cb9.so.1"),
        (
            "7-8 r-xp 0 fe:00 1 /usr/lib/librdkafka.so.1\n7-8 r-xp 0 fe:00 1 /confluent_kafka.libs/librdkafka-0.so\n",
            "/confluent_kafka.libs/librdkafka-0.so",
        ),
        ("0-1 r--p 0 0:0 0\n0-1 r--p 0 0:0 0 [vdso]\n7-8 r-xp 0 fe:00 1 /x/librdkafka.so.1\n", "/x/librdkafka.so.1"),
    ],
)
def test_the_library_is_found_among_the_mappings(maps: str, path: str) -> None:
    """By the file's name, whatever folder a wheel or a system keeps it in."""
    assert library_path(maps) == path


@pytest.mark.parametrize(
    ("maps", "reason"),
    [("", "no /proc/self/maps"), ("7-8 r-xp 0 fe:00 1 /librdkafka/other.so\n", "import confluent_kafka first")],
)
def test_no_library_among_the_mappings(maps: str, reason: str) -> None:
    """Another system, or nobody has loaded it."""
    with pytest.raises(NativeUnavailable, match=reason):
        library_path(maps)


ATTACH = """
import ctypes, sys
sys.path.insert(0, sys.argv[1])
from loadgen.native import _native
if sys.argv[2:] != ["/nowhere/librdkafka.so.1"]:
    ctypes.CDLL(sys.argv[2])
try:
    print("attached", _native.attach(sys.argv[2]))
except ImportError as error:
    print(error)
"""


def attach_to(library: Path) -> str:
    """What a new process says that is told to use a library."""
    run = subprocess.run(
        [sys.executable, "-c", ATTACH, str(NATIVE.parents[1]), str(library)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout.strip()


def test_a_library_that_is_not_loaded_is_not_loaded_for_us() -> None:
    """A second copy of librdkafka would have clients of its own."""
    assert attach_to(Path("/nowhere/librdkafka.so.1")) == "/nowhere/librdkafka.so.1 is not loaded in this process"


def functions() -> list[str]:
    """The names in rdkafka_abi.h."""
    header = (NATIVE / "rdkafka_abi.h").read_text()
    return re.findall(r"X\([\w *]+, (rd_kafka_\w+),", header)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to build a library that pretends to be librdkafka")
@pytest.mark.parametrize(
    ("version", "left_out", "reason"),
    [
        ("0x020f01ff", None, "librdkafka pretended is older than 2.16.0 (confluent-kafka 2.16.1)"),
        ("0x021000ff", "rd_kafka_message_status", "has no function rd_kafka_message_status"),
        ("0x021000ff", None, "attached pretended"),
    ],
)
def test_a_library_that_is_too_old_or_not_complete_is_refused(
    tmp_path: Path, version: str, left_out: str | None, reason: str
) -> None:
    """By its version and by its functions; one that has both is taken."""
    special = {
        "rd_kafka_version": f"int rd_kafka_version(void) {{ return {version}; }}",
        "rd_kafka_version_str": 'const char *rd_kafka_version_str(void) { return "pretended"; }',
    }
    names = functions()
    assert len(names) > 15
    source = tmp_path / "pretended.c"
    source.write_text("\n".join(special.get(name, f"void {name}(void) {{}}") for name in names if name != left_out))
    library = tmp_path / "librdkafka-pretended.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)

    assert reason in attach_to(library)
