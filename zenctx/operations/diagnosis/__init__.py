"""The checks of `zenctx doctor`: each one a function that yields findings, and changes nothing."""
