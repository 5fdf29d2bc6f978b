"""`python -m vos` is the `vos` command."""

from vos.cli.main import main

main()
