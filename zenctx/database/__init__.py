"""The only code with SQL: connections, tables, revisions and the rows of runs.

Empty on purpose: importing SQLAlchemy takes a quarter of a second, so commands import the module that they need.
"""
