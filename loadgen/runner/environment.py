"""What a result must say about the machine it was made on. A fact that cannot be had is null, not missing."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from loadgen import __version__


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _cpu_model() -> str | None:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or None


def _git_commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=2,
            check=False,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def _cgroup_limits() -> dict[str, str | None]:
    return {
        "cpu_max": _read("/sys/fs/cgroup/cpu.max") or _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        "memory_max": _read("/sys/fs/cgroup/memory.max") or _read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def steal_and_total() -> tuple[float, float, float]:
    """CPU seconds of this host since boot: (stolen by the hypervisor, busy, all)."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    everything = sum(times[:8])
    return getattr(times, "steal", 0.0), everything - idle, everything


def before() -> dict[str, Any]:
    """The facts that do not change during a run, and the load before it."""
    return {
        "loadgen": __version__,
        "host": platform.node(),
        "os": platform.platform(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu_model": _cpu_model(),
        "cores": os.cpu_count(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_mib": psutil.virtual_memory().total >> 20,
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "msgspec": _version("msgspec"),
        "orjson": _version("orjson"),
        "pydantic": _version("pydantic"),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "cgroup_limits": _cgroup_limits(),
        "git_commit": _git_commit(),
        "load_before": list(os.getloadavg()),
    }


def after(
    facts: dict[str, Any], steal_before: tuple[float, float, float], steal_after: tuple[float, float, float]
) -> dict[str, Any]:
    """The same with what the run's own time added: load, stolen time, busy share of all cores."""
    steal, busy, total = (after - before for before, after in zip(steal_before, steal_after, strict=True))
    pressure = _read("/proc/pressure/cpu")
    return {
        **facts,
        "load_after": list(os.getloadavg()),
        "steal_pct": 100 * steal / total if total > 0 else None,
        "host_busy_pct": 100 * busy / total if total > 0 else None,
        "pressure_cpu": pressure.splitlines()[0] if pressure else None,
    }
