"""`loadgen config`: what a run would be set to, and what can be set. No broker is needed."""

import os
from pathlib import Path

from cyclopts import App

from loadgen.cli.flags import RunFlags
from loadgen.errors import UsageError
from loadgen.profile import BUILT_IN_PROFILES, FIELDS, origins, profile_properties, read_profile, resolve
from loadgen.profile.sources import gather
from loadgen.properties import JAVA_NAMES, SECRET, nearest, table

app = App(name="config", help="Settings: show, list, check FILE, help KEY.")


@app.command
def show(*, flags: RunFlags | None = None) -> int:
    """Every setting and property, and where it came from; secrets by name only."""
    given = (flags or RunFlags()).given()
    rows = origins(given, os.environ)
    width = max(len(name) for name, _, _ in rows)
    for name, value, origin in rows:
        print(f"{name:<{width}}  {value or '-':<24}  {origin}")
    for note in gather(given, os.environ).notes:
        print(note)
    return 0


@app.command(name="list")
def list_names() -> int:
    """Profiles, and every property that a run takes."""
    print("profiles:", *BUILT_IN_PROFILES)
    for name, row in table().items():
        if row.side != "C" and row.kind != "see dedicated API":
            print(f"{name:<44} {row.kind:<12} {row.bounds or '-'}")
    return 0


@app.command
def check(file: Path) -> int:
    """Read a profile file and say everything that is wrong with it; exit 2 when something is."""
    read_profile(str(file))
    profile_properties(str(file))
    resolve({"profile": str(file), "start": "mock"}, {})
    print(f"{file}: good")
    return 0


@app.command(name="help")
def help_of(key: str) -> int:
    """What one property or setting is: type, bounds, default."""
    rows = table()
    target = JAVA_NAMES.get(key, (key, 1))[0]
    if key in FIELDS:
        print(f"{key}: a setting of loadgen run; built in: {FIELDS[key].default or '-'}")
        return 0
    if target not in rows:
        raise UsageError(f"{key}: no such property or setting{nearest(key, [*rows, *FIELDS])}")
    row = rows[target]
    print(f"{row.name}: {row.kind}, {row.bounds or 'no bounds'}, librdkafka's default {row.default or '-'}")
    if row.alias_of:
        print(f"  another name of {row.alias_of}")
    if target != key:
        print(f"  Java's {key} is this one here")
    if SECRET.search(row.name):
        print(f"  a secret: -X {row.name}=env:NAME or =file:PATH, never a literal")
    if row.deprecated:
        print("  deprecated by librdkafka")
    return 0
