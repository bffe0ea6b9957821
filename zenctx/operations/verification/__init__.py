"""The parts of `zenctx verify`: rows and live files, the repository, hashing, and the report."""
