"""The parts of taking a snapshot: which rows, where they wait, which files, and what is told."""
