"""Who may import whom: one way, one door a library, a slim worker. Read from the sources, so it cannot rot."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "loadgen"

EVERYBODY = {"clock", "errors", "native", "telemetry.hooks", "quantities", "properties", "slo", "profile", ""}
MAY_IMPORT: dict[str, set[str]] = {
    "profile": {"events.keys"},
    "arrivals": {"events.splitmix"},
    "events": set(),
    "messages": {"events"},
    "producer": {"messages", "telemetry"},
    "recorder": set(),
    "report": {"recorder", "arrivals", "judge.interval"},
    "consumer": {"recorder", "arrivals"},
    "runner": {
        "arrivals",
        "events",
        "messages",
        "producer",
        "recorder",
        "report",
        "brokers",
        "consumer",
        "verify",
        "telemetry",
    },
    "brokers": {"producer.library"},
    "verify": {"events", "messages", "report", "consumer", "arrivals", "recorder", "runner.plan"},
    "judge": {"report"},
    "doctor": {"brokers", "runner"},
    "experiments": {"runner", "report", "judge", "brokers", "producer"},
    "telemetry": set(),
    "testing": {"messages", "producer", "events"},
}
DOORS: dict[str, tuple[str, ...]] = {
    "confluent_kafka": ("producer/kafka.py", "producer/library.py", "brokers/", "consumer/"),
    "matplotlib": ("report/plot", "judge/plot", "experiments/plot"),
    "structlog": ("telemetry/",),
    "opentelemetry": ("telemetry/",),
    "prometheus_client": ("telemetry/",),
    "optuna": ("experiments/",),
    "hdrh": ("report/hlog.py",),
    "jinja2": ("report/page.py", "report/html/"),
    "cyclopts": ("cli/",),
    "rich": ("cli/", "report/live.py"),
    "psutil": ("runner/", "brokers/", "doctor/", "cli/"),
    "pydantic": ("messages/",),
    "orjson": ("messages/",),
    "stamina": ("brokers/control_calls.py",),
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, by its dotted name; imports for types only are left out."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module in {"loadgen", *(f"loadgen.{part}" for part in MAY_IMPORT)}:
                yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    """A folder imports only what stands before it in the pipeline; nobody imports the command line."""
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0].removesuffix(".py")
    if own in {"cli", "__init__", "__main__"}:
        return
    allowed = EVERYBODY | MAY_IMPORT.get(own, set()) | {own}
    for name in imported(path):
        if name == "loadgen" or not name.startswith("loadgen."):
            continue
        inner = name.removeprefix("loadgen.")
        prefixes = {".".join(inner.split(".")[:length]) for length in range(1, inner.count(".") + 2)}
        assert prefixes & allowed or inner == "__version__", f"{relative} imports {name}"


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    """A third-party library is imported only where its door is."""
    for path in modules():
        relative = path.relative_to(PACKAGE).as_posix()
        if any(name.split(".")[0] == library for name in imported(path)):
            assert relative.startswith(DOORS[library]), f"{relative} imports {library}"


def test_a_worker_imports_nothing_that_it_does_not_need() -> None:
    """A worker starts slim: no CLI, no pydantic, no plots, no numpy, no telemetry libraries."""
    code = (
        "import sys, loadgen.runner.worker;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), 'loadgen.cli' in sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    heavy = {
        "cyclopts",
        "rich",
        "pydantic",
        "structlog",
        "matplotlib",
        "opentelemetry",
        "numpy",
        "psutil",
        "orjson",
        "jinja2",
    }
    assert not heavy & set(loaded)
    assert loaded[-1] == "False"


def test_only_the_command_line_prints_or_exits() -> None:
    """Everything else raises or returns."""
    for path in modules():
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in {"cli", "__main__.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                module_entry = called in {"sys.exit", "os._exit"} and '__name__ == "__main__"' in path.read_text(
                    "utf-8"
                )
                assert called != "print", relative
                assert called != "sys.exit" or module_entry, relative


def test_nothing_unsafe_reads_data() -> None:
    """No pickle, eval, exec or unsafe YAML anywhere: results, baselines and payloads are hostile input."""
    for path in modules():
        source = ast.parse(path.read_text("utf-8"))
        assert not {"pickle", "marshal", "shelve"} & {name.split(".")[0] for name in imported(path)}, path
        for node in ast.walk(source):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"eval", "exec", "yaml.load"}, path


def test_measurements_never_read_the_wall_clock() -> None:
    """`time.time` appears only where a date is told, never where a time is measured (I10)."""
    told = {
        "runner/coordinator.py",
        "runner/planning.py",
        "runner/undelivered.py",
        "producer/dead_letter.py",
        "producer/outbox.py",
    }
    for folder in ("arrivals", "recorder", "runner", "producer", "messages"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            relative = path.relative_to(PACKAGE).as_posix()
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in {
                    "time.time",
                    "time.time_ns",
                    "datetime.now",
                }:
                    assert relative in told, relative
