"""The `simile` command: dispatch to a verb; turn errors into one line and an exit code.

Exit codes: 0 success, 1 nothing found, 2 error, 130 interrupted.
"""

import sys
import traceback
from importlib import import_module
from typing import Any

import click

from simile import __version__
from simile.cli.parts.console import consoles, drop_output
from simile.errors import SimileError

_ROOMS = {
    "analysis": ("classify", "cluster", "dedupe", "map", "suggest-threshold"),
    "evaluation": ("eval", "tune"),
    "models": ("list", "pull", "quantize", "rm", "show"),
    "retrieval": (
        *("ask", "chat", "check", "export", "forget"),
        *("index", "reindex", "search", "status", "why-skipped"),
    ),
    "texts": ("embed", "rerank", "similarity"),
}
_MODULES = {
    "serve": "simile.cli.serve",
    **{
        verb: f"simile.cli.{room}.{verb.replace('-', '_')}"
        for room, verbs in _ROOMS.items()
        for verb in verbs
    },
}
VERBS = tuple(sorted(_MODULES))
"""The verbs, sorted; each one's module defines `command`."""


class _Verbs(click.Group):
    """A group that imports a verb's module on demand, so no verb waits for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(_MODULES[name]).command
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="simile")
def cli() -> None:
    """Embed text and search documents, on this machine."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command line, by default the process's own, and exit."""
    with consoles():
        code = _run(arguments)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        # Without standalone mode click returns a command's result and raises its errors.
        result: Any = cli.main(arguments, prog_name="simile", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return 2
    except click.ClickException as exc:
        return _fail(_words(exc))
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted")
        return 130
    except (BrokenPipeError, SystemExit):
        # The reader closed the pipe, as `head` does: stop quietly. Click exits by itself then.
        drop_output()
        return 0
    except SimileError as exc:
        return _fail(str(exc))
    except OSError as exc:
        drop_output()
        return _fail(f"{exc.filename or 'the output'}: {exc.strerror or exc}")
    except Exception:  # A fault of ours. Python's own exit code would mean that nothing was found.
        traceback.print_exc()
        return 2


def _fail(words: str) -> int:
    print(f"simile: {words}", file=sys.stderr)
    return 2


def _words(exc: click.ClickException) -> str:
    if not isinstance(exc, click.UsageError) or exc.ctx is None:
        return exc.format_message()
    return f"{exc.format_message().rstrip('.')}; see {exc.ctx.command_path} --help"


if __name__ == "__main__":
    main()
