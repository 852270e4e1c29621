"""The container engine of this machine, if one answers: Docker or Podman.

The client alone is not an engine: it is installed on many machines whose daemon does not run.
"""

import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache

from loadgen.errors import UsageError

TOOLS = ("docker", "podman")
ANSWERS_WITHIN_S = 10.0


@lru_cache(maxsize=1)
def answering() -> str | None:
    """The path of the first client whose engine answers `info`; None when there is none. Asked once a process."""
    for name in TOOLS:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            asked = subprocess.run([path, "info"], capture_output=True, timeout=ANSWERS_WITHIN_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0 and b"Cannot connect" not in asked.stderr + asked.stdout:
            return path
    return None


def require(purpose: str, instead: str = "") -> str:
    """The client of an engine that answers.

    Raises:
        UsageError: there is none; says what to install and what can be done instead.
    """
    tool = answering()
    if tool is None:
        installed = [name for name in TOOLS if shutil.which(name)]
        why = f"{installed[0]} is installed but its engine does not answer" if installed else "none is installed"
        raise UsageError(f"{purpose} needs a container engine: {why}; install and start Docker or Podman{instead}")
    return tool


def run_command(
    tool: str, image: str, *, ports: Mapping[int, int], variables: Mapping[str, str], arguments: Sequence[str] = ()
) -> list[str]:
    """A container in the foreground, removed when it ends; its client passes SIGTERM on.

    Args:
        ports: of this host's loopback → in the container.
    """
    command = [tool, "run", "--rm", "--name", f"loadgen-{uuid.uuid4().hex[:12]}"]
    for outside, inside in ports.items():
        command += ["-p", f"127.0.0.1:{outside}:{inside}"]
    for name, value in variables.items():
        command += ["-e", f"{name}={value}"]
    return [*command, image, *arguments]
