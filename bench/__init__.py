"""BENCH: serializers on the bench and on the produce path; not part of the wheel.

`libraries.py` is the one file to touch to add a serializer; `cases.py` says what is measured with each.
"""
