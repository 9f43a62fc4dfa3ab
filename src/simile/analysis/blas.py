"""Limit the threads of BLAS."""

from contextlib import AbstractContextManager


def one_blas_thread() -> AbstractContextManager[object] | None:
    """Return a context in which BLAS uses only the calling thread; None without threadpoolctl.

    For many small products, where BLAS threads wait for each other longer than they compute.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return None
    limit: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limit
