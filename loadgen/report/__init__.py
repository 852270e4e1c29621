"""TELL: slabs become a result, a result becomes text, plots and a page."""
