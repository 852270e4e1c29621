"""BENCH: serializers on the bench and on the produce path, and what loadgen itself costs; not part of the wheel.

`libraries.py` is the one file to touch to add a serializer (or a file of your own, `--with`); `cases.py` says what is
measured with each; `verify.py` looks whether it is right before it is timed.
"""
