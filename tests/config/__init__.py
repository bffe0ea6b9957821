"""Tests of the settings that the application has in its own files."""
