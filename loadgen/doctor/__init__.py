"""LOOK: what would stop or spoil a run, found without one. Nothing is sent and nothing changed; each finding has its remedy."""
