"""The `vos` command. `main.py` holds the table of commands; each command has a file of its own."""
