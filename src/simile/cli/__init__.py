"""The command line: one file per verb, which imports what it needs when it runs."""
