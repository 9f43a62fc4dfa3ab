"""`python -m simile`: the same as the `simile` command."""

from simile.cli.main import main

if __name__ == "__main__":
    main()
