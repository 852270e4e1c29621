"""C: the two hot ends, timed acknowledgement and pooled sending; optional at install."""
