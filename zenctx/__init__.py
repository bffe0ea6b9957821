"""Operators' tool for the execution state that ZenFlow keeps of its workflow runs."""

__version__ = "0.1.0"
