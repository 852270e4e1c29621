"""The C part's tests again, compiled with a sanitizer: `python -m tests.native.sanitize address|thread|undefined|lint`.

Goal: a write outside a buffer, a race or undefined arithmetic ends the run with file and line. The package is copied to
a temporary folder and its C part compiled there, so the one in use stays as it is. Further arguments go to pytest.
Non-goal: sanitizing librdkafka or Python; they are as they come.

lint: cppcheck, and gcc with -Werror and the warnings beyond -Wextra that concern arithmetic.
Exit code: of the tests; 66 when a sanitizer found something; 2 when the compiler lacks it.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "loadgen" / "native").glob("*.c"))
INCLUDE = f"-I{sysconfig.get_path('include')}"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
STRICTER = ["-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wundef", "-Wvla", "-Wpointer-arith"]
FOUND = 66
OPTIONS = {
    # Python itself leaks on purpose at its end; what we allocate is checked by the tests of a client's life
    "address": {"ASAN_OPTIONS": f"detect_leaks=0:exitcode={FOUND}:abort_on_error=0"},
    "undefined": {"UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={FOUND}"},
    "thread": {"TSAN_OPTIONS": f"exitcode={FOUND}:second_deadlock_stack=1:suppressions={{folder}}/suppressions"},
}
# librdkafka frees topics, buffers and messages by reference counts that ThreadSanitizer, which did not compile it, cannot
# see; only its own destructors are named, so a race of ours on a thread of its is still told
SUPPRESSIONS = "race:rwlock_destroy\nrace:rd_buf_destroy\nrace:rd_kafka_msg_destroy\nrace:rd_kafka_buf_destroy\n"
LIBRARIES = {"address": "libasan.so", "undefined": "libubsan.so", "thread": "libtsan.so"}


def lint() -> int:
    """cppcheck and the compiler's stricter warnings; 0 when both are content."""
    checked = [
        ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
         "--error-exitcode=1", "-DPy_RETURN_NONE=return Py_None", *map(str, SOURCES)],
        ["gcc", "-fsyntax-only", *WARNINGS, *STRICTER, "-isystem", sysconfig.get_path("include"), *map(str, SOURCES)],
    ]  # fmt: skip
    return max(subprocess.run(command, check=False).returncode for command in checked)


def preload(sanitizer: str, folder: Path) -> str:
    """The runtime that must be in the process before Python is, and for threads the shim."""
    library = subprocess.run(
        ["gcc", f"-print-file-name={LIBRARIES[sanitizer]}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if "/" not in library:
        print(f"gcc has no {LIBRARIES[sanitizer]}")
        raise SystemExit(2)
    if sanitizer != "thread":
        return library
    shim = folder / "c11_threads.so"
    source = Path(__file__).with_name("c11_threads.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-g", *WARNINGS, "-o", shim, source], check=True)
    return f"{library} {shim}"


def run(sanitizer: str, arguments: list[str]) -> int:
    """Compile, run the tests, show what the sanitizer wrote."""
    with tempfile.TemporaryDirectory(prefix="loadgen-sanitize-") as name:
        folder = Path(name)
        keep_out = shutil.ignore_patterns("*.so", "__pycache__", ".hypothesis")
        shutil.copytree(ROOT / "loadgen", folder / "loadgen", ignore=keep_out)
        shutil.copytree(ROOT / "tests" / "native", folder / "tests" / "native", ignore=keep_out)
        for file in ("tests/__init__.py", "pyproject.toml"):
            shutil.copy(ROOT / file, folder / file)
        target = folder / "loadgen" / "native" / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
        flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g", "-O1"]
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-pthread", "-fvisibility=hidden", *WARNINGS, *flags, INCLUDE, "-o", target]
            + [str(source) for source in SOURCES],
            check=True,
        )
        log = folder / "found"
        (folder / "suppressions").write_text(SUPPRESSIONS)
        options = {name: f"{value.format(folder=folder)}:log_path={log}" for name, value in OPTIONS[sanitizer].items()}
        environment = {**os.environ, **options, "LD_PRELOAD": preload(sanitizer, folder), "PYTHONPATH": str(folder)}
        # on a mock cluster: the C part is the same, and a real Kafka's fixture is not among the copied files
        selected = ["-m", "not kafka", "tests/native"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selected, *arguments]
        code = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
        reports = sorted(folder.glob("found*"))
        for report in reports:  # pytest's capture would have eaten them
            print(report.read_text(errors="replace"))
        return FOUND if reports else code


def main(arguments: list[str]) -> int:
    """The command."""
    match arguments:
        case ["lint"]:
            return lint()
        case [("address" | "thread" | "undefined") as sanitizer, *others]:
            return run(sanitizer, others)
    print(__doc__)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
