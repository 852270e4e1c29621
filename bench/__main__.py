"""`python -m bench COMMAND`: one module per command, imported when called.

serializers   encode, decode, build and round trip of every library, on pyperf
produce       the same serializers in `loadgen run`, interleaved
plot          pictures of a folder that the two above filled
publisher     what publish_order costs, beside kafka-python and others
in-flight     one request in flight against five, on a real Kafka
search        capacity and the tuner, on clusters of known law and on this machine
gates         the gate held against simulated machines and planted losses
instrument    what the instrument costs and how far it is off
peers         other load generators beside ours
limited-by    is the right one named as the limit, where the cause is known
message-cost  what a message costs by its size, partitions, producers; two workers against one
consuming     consumer groups beside runs: end to end, and one that stands still
read-back     how fast, and in how much memory, a run is read back
kills         workers killed at random moments of real runs
shutdowns     publishing programs ended by SIGTERM at random moments
"""

import sys
from importlib import import_module

COMMANDS = {
    "serializers": "bench.serializers",
    "produce": "bench.produce_path",
    "plot": "bench.plots",
    "peers": "bench.peers",
    "instrument": "bench.instrument",
    "publisher": "bench.publisher",
    "in-flight": "bench.in_flight",
    "search": "bench.search",
    "gates": "bench.gates",
    "kills": "bench.kills",
    "shutdowns": "bench.shutdowns",
    "limited-by": "bench.limited_by",
    "message-cost": "bench.message_cost",
    "read-back": "bench.read_back",
    "consuming": "bench.consuming",
}


def main() -> int:
    """Run the command that argv names; its exit code."""
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        try:
            code: int = import_module(COMMANDS[sys.argv[1]]).main(sys.argv[2:])
        except ModuleNotFoundError as error:  # a library under test is skipped; this is one of the tools
            if (error.name or "").split(".")[0] in ("bench", "loadgen"):
                raise
            print(f"{error.name} is not installed; make install, or pip install -e '.[bench]'", file=sys.stderr)
            return 2
        return code
    asked_for_help = sys.argv[1:] in (["-h"], ["--help"])
    print(__doc__ if asked_for_help else f"a command is needed: {', '.join(COMMANDS)}; python -m bench --help")
    return 0 if asked_for_help else 2


if __name__ == "__main__":
    sys.exit(main())
