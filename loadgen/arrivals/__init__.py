"""WHEN: events become due by a plan, as pure functions of a sequence number."""
