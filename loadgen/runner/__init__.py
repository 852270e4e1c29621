"""DRIVE: one run on one host: coordinator, workers, hot loop."""
