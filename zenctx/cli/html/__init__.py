"""Pages: one file that needs nothing else, light and dark, on a screen and on paper."""
