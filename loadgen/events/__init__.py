"""WHAT: an order is a function of (seed, number); keys likewise."""
