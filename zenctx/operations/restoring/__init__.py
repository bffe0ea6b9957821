"""The parts of `restore`: what is asked, what a context is to become, what is decided for each run, files, rows."""
