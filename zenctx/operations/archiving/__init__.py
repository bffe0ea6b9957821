"""The parts of `zenctx export` and `zenctx import`: copying, redaction, encryption, and checking an archive."""
