"""The parts of `migrate`: what is asked, what is decided for each row, one sweep over the rows, the report."""
