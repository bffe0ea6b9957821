"""What `stats` makes of the figures of a pass: sections of items, sums, and growth since it was last run."""
