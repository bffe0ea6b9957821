"""Snapshots of runs: what one holds, its manifest, and the repository of manifests and the objects they name."""
