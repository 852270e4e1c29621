"""MANY: questions that take many runs: capacity, sweep, tune."""
