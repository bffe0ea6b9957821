"""What `metrics` measures: each metric with its meaning, and where its figures come from."""
