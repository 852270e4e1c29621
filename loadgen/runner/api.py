"""`loadgen.run(...)`: a run from a program, a notebook or a test; the same run as the command's."""

from typing import Any

from loadgen.profile import resolve
from loadgen.report.result import Result
from loadgen.runner.coordinator import carry_out


def run(*, bootstrap: str | None = None, properties: dict[str, str] | None = None, **settings: Any) -> Result:
    """Carry out one run and return its result; nothing is printed or saved.

    Args:
        bootstrap: host:port,… of the cluster; or `start="kafka"` or `start="mock"`.
        properties: librdkafka properties, as -X.
        settings: any other flag of `loadgen run` by its name: rate="50k/s", duration="10s", workers=2, …

    Returns:
        The result; its verdict says whether it may be believed, `verdict.exit_code` what the command would end with.

    Raises:
        UsageError: a setting is wrong; all of them are named.
        Unreachable: the cluster does not answer.
    """
    flags: dict[str, Any] = {
        name: value if isinstance(value, bool | list | tuple) else str(value)
        for name, value in settings.items()
        if value is not None
    }
    if bootstrap is not None:
        flags["bootstrap_server"] = bootstrap
    if properties:
        flags["X"] = [f"{name}={value}" for name, value in properties.items()]
    return carry_out(resolve(flags), command=["loadgen.run"]).result
