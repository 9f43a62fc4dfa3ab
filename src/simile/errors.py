"""Every error that simile raises on purpose.

SimileError
├── InputError (ValueError)             what the caller gave cannot be used
│   ├── ModelNameError                  not a model name
│   ├── TextTooLongError                longer than the model's window, and truncation was declined
│   └── WindowTooSmallError             the window asked for leaves no room for text
├── ConfigError (ValueError)            a setting has a value that cannot be used
├── ModelError
│   ├── ModelNotFoundError (LookupError)   no local model has this name
│   ├── CheckpointError (ValueError)    files are there but damaged or incomplete
│   ├── UnsupportedModelError           sound files of a kind that is not built here
│   └── DownloadError (OSError)         no source could deliver the model
├── StoreError (OSError)                the model folder cannot be read or written
├── EngineError (RuntimeError)          a computation failed; the engine goes on
│   ├── EngineClosedError               the engine was shut down
│   └── OverloadedError                 the queue is full
├── ServerError (OSError)               the server cannot listen, or does not answer
└── MissingExtraError (ImportError)     an optional package is not installed

A message says what was wrong, what came, what was expected and what to do about it.
Status codes and exit codes are given elsewhere (server/errors.py, cli/main.py).
"""


class SimileError(Exception):
    """Base of every error raised on purpose."""


class InputError(SimileError, ValueError):
    """What the caller gave cannot be used."""


class ModelNameError(InputError):
    """The text is not a model name."""


class TextTooLongError(InputError):
    """A text is longer than the model's window, and truncation was declined."""


class WindowTooSmallError(InputError):
    """The window asked for leaves no room for text beside the special tokens."""


class ConfigError(SimileError, ValueError):
    """A setting has a value that cannot be used."""


class ModelError(SimileError):
    """Something is wrong with a model."""


class ModelNotFoundError(ModelError, LookupError):
    """No local model has this name."""


class CheckpointError(ModelError, ValueError):
    """A checkpoint's files are damaged or incomplete."""


class UnsupportedModelError(ModelError):
    """A sound checkpoint of a kind that is not built here."""


class DownloadError(ModelError, OSError):
    """No source could deliver the model."""


class StoreError(SimileError, OSError):
    """The model folder cannot be read or written."""


class EngineError(SimileError, RuntimeError):
    """A computation failed; the engine goes on with the next."""


class EngineClosedError(EngineError):
    """The engine was shut down while, or before, the work was asked for."""


class OverloadedError(EngineError):
    """More work is waiting than the engine accepts."""


class ServerError(SimileError, OSError):
    """The server cannot listen, or does not answer."""


class MissingExtraError(SimileError, ImportError):
    """An optional package is not installed."""
