"""Every error that simile raises on purpose.

SimileError
├── InputError (ValueError)             what the caller gave cannot be used
│   ├── ModelNameError                  not a model name
│   ├── TextTooLongError                longer than the model's window, and truncation was declined
│   ├── WindowTooSmallError             the window asked for leaves no room for text
│   └── FingerprintError                an index was made with another model or other chunks
├── ConfigError (ValueError)            a setting has a value that cannot be used
├── ModelError
│   ├── ModelNotFoundError (LookupError)   no model of this name, here or on the provider
│   ├── CheckpointError (ValueError)    files are there but damaged or incomplete
│   ├── UnsupportedModelError           sound files of a kind that is not built here
│   └── DownloadError (OSError)         no source could deliver the model
├── StoreError (OSError)                a folder of models or an index cannot be read or written
│   ├── IndexNotFoundError (LookupError)   no index is there
│   └── LockedError                     somebody else is writing the index
├── EngineError (RuntimeError)          a computation failed; the engine goes on
│   ├── EngineClosedError               the engine was shut down
│   ├── OverloadedError                 the queue is full
│   ├── NotFiniteError                  some vectors hold NaN or Inf; it carries all of them
│   └── RemoteEngineError               a provider gave no answer that can be used
│       └── BrokenAnswerError           its answer began, and did not come to its end
├── ServerError (OSError)               the server cannot listen, or does not answer
└── MissingExtraError (ImportError)     an optional package is not installed

A message says what was wrong, what came, what was expected and what to do about it.
Status codes and exit codes are given elsewhere (server/errors.py, cli/main.py).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


class FingerprintError(InputError):
    """The vectors of an index were made with another model, or from chunks of another kind."""


class ConfigError(SimileError, ValueError):
    """A setting has a value that cannot be used."""


class ModelError(SimileError):
    """Something is wrong with a model."""


class ModelNotFoundError(ModelError, LookupError):
    """No model has this name, here or on the provider that was asked."""


class CheckpointError(ModelError, ValueError):
    """A checkpoint's files are damaged or incomplete."""


class UnsupportedModelError(ModelError):
    """A sound checkpoint of a kind that is not built here."""


class DownloadError(ModelError, OSError):
    """No source could deliver the model."""


class StoreError(SimileError, OSError):
    """A folder of models, or an index, cannot be read or written."""


class IndexNotFoundError(StoreError, LookupError):
    """No index is where one was looked for."""


class LockedError(StoreError):
    """Another process or thread is writing the index, and has been for as long as was waited."""


class EngineError(SimileError, RuntimeError):
    """A computation failed; the engine goes on with the next."""


class EngineClosedError(EngineError):
    """The engine was shut down while, or before, the work was asked for."""


class OverloadedError(EngineError):
    """More work is waiting than the engine accepts."""


class NotFiniteError(EngineError):
    """Some vectors hold NaN or Inf; the others are good, and may be kept."""

    def __init__(
        self, message: str, *, vectors: "NDArray[np.float32]", rows: tuple[int, ...]
    ) -> None:
        super().__init__(message)
        self.vectors = vectors
        """float32 (n, dim), of all texts; those in `rows` hold NaN or Inf."""
        self.rows = rows
        """Which rows are bad."""


class RemoteEngineError(EngineError):
    """A provider did not answer, answered with an error, or with what cannot be used."""


class BrokenAnswerError(RemoteEngineError):
    """A provider began an answer, and broke it off; what came is incomplete."""


class ServerError(SimileError, OSError):
    """The server cannot listen, or does not answer."""


class MissingExtraError(SimileError, ImportError):
    """An optional package is not installed."""
