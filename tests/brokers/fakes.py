"""Programs that stand in for docker, mvn and java on a PATH of the test's own."""

import sys
from pathlib import Path

import pytest

from loadgen.brokers import engine

# Passes bytes between a port and a broker that is there
_PROXY = """
import json, socket, threading
def pump(source, target):
    while data := source.recv(65536): target.sendall(data)
    target.shutdown(socket.SHUT_WR)
def serve(host, port):
    broker = os.environ["BROKER"].split(":")
    server = socket.create_server((host, int(port)))
    while True:
        here, _ = server.accept()
        there = socket.create_connection((broker[0], int(broker[1])))
        for pair in ((here, there), (there, here)): threading.Thread(target=pump, args=pair, daemon=True).start()
"""
# For docker: `info` answers; `run` notes its words in the file ASKED and answers on the published port as the broker
# BROKER. No image is fetched: what is tested is what an engine is asked for.
DOCKER = f"""{_PROXY}
if sys.argv[1] == "info": raise SystemExit(0)
with open(os.environ["ASKED"], "w") as asked: json.dump(sys.argv[1:], asked)
host, outside, inside = sys.argv[sys.argv.index("-p") + 1].split(":")
serve(host, outside)
"""
# For java: notes each call in the file ASKED; as kafka.Kafka it answers on the plaintext port of its settings.
JAVA = f"""{_PROXY}
with open(os.environ["ASKED"], "a") as asked: asked.write(json.dumps(sys.argv[1:]) + chr(10))
if "kafka.Kafka" in sys.argv:
    settings = dict(line.strip().split("=", 1) for line in open(sys.argv[-1]))
    serve(*settings["listeners"].split(",")[0].removeprefix("PLAINTEXT://").split(":"))
"""


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **programs: str) -> None:
    """Make PATH hold these programs, given as Python source, and the shell's own, but nothing else of the machine.

    Args:
        folder: empty; becomes the PATH.
    """
    folder.mkdir(exist_ok=True)
    for name, source in programs.items():
        program = folder / name
        program.write_text(f"#!{sys.executable}\nimport os, sys\n{source}\n", "utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    engine.answering.cache_clear()
