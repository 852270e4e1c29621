"""MEASURE: a slab of counts and histograms per worker, and the door to the instrument that fills it."""
