"""`python -m loadgen` and the `loadgen` command."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from loadgen.cli.app import main as command_line

    sys.exit(command_line())


if __name__ == "__main__":
    main()
