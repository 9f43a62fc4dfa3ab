"""Keep the threads of BLAS out of each other's way."""

from contextlib import AbstractContextManager


def one_blas_thread() -> AbstractContextManager[object] | None:
    """Within it BLAS computes on the calling thread alone; None where it cannot be told to.

    For many small products, for which its threads wait for each other longer than they compute.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return None
    limit: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limit
