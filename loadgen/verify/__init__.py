"""TRUTH: what was sent against what a consumer reads."""
