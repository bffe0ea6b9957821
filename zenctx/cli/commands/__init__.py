"""The commands, one module a verb; each is imported only when it is called."""
