"""Figures of a database and its live files, all from one pass over the rows: what `stats` and `metrics` show."""
