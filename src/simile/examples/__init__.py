"""Small example programs; run them as `python -m simile.examples.NAME`."""
