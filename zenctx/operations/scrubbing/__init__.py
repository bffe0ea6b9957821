"""The parts of `audit` and `scrub`: reading what a run has stored, searching it, and writing it without secrets."""
