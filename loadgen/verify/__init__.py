"""TRUTH: what was sent against what a consumer reads.

`against.verify_run` reads a run's topic and says what is lost, duplicated, reordered, corrupted or foreign; `stored`
does so for a run's folder; `checker` is the pure part, fed with batches of records.
"""
