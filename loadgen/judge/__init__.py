"""JUDGE: what may be believed, and what is different."""
