"""Settings of commands that reach a cluster and send no load by themselves: read as a run's, and no password in the clear."""

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from loadgen.brokers.guard import decide_password
from loadgen.profile import RunSettings, resolve

CommandConfig = Annotated[
    str | None, Parameter(name=["-F", "--command-config"], help="A client.properties as Kafka's own tools take it.")
]


def settings_to_reach(flags: Mapping[str, Any]) -> RunSettings:
    """The settings, checked whole.

    Raises:
        UsageError: everything that is wrong with them.
        Refused: a password would go over a network in the clear.
    """
    settings = resolve(flags)
    if settings.bootstrap is not None:
        given = settings.bootstrap.split(",")
        decide_password(settings.properties, given, allow_unsafe=settings.allow_unsafe).enforce()
    return settings
