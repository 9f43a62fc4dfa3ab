"""Small programs that show one use each; run as `python -m simile.examples.NAME`."""
