"""`python -m zenctx` is `zenctx`."""

from zenctx.cli.main import main

main()
