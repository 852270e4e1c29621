"""WATCH: logs, metrics and traces from one-second sums, never per message."""
