"""A filter over a view: the tree of an expression into the rows that pass it.

Two-valued: every part is true or false of every document. A field that is unset has no value, so
nothing but `= null` is true of it; `!=` and `not in` are the negation of `=` and `in`. Values of
different kinds (text, number, bool) are never equal and never ordered. No SQL: values in a column
stand in order, so a comparison is a range of codes, whatever the number of documents.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np

from simile.retrieval.filter_parser import And, Filter, Not, OneOf, Or, Ordered, parse_filter
from simile.store import Column, Having, Mask, View, value_order
from simile.types import MetadataValue

__all__ = ["And", "Filter", "Not", "OneOf", "Or", "Ordered", "evaluate", "having", "parse_filter"]

_UNSET = -1


def evaluate(filter: Filter, view: View) -> Mask:
    """The view's rows that pass, bool (rows,), a new array; access is not looked at."""
    if isinstance(filter, OneOf):
        return _one_of(view.metadata(filter.name), filter.values)
    if isinstance(filter, Ordered):
        return _ordered(view.metadata(filter.name), filter)
    if isinstance(filter, Not):
        mask = evaluate(filter.part, view)
        return np.logical_not(mask, out=mask)
    first, *others = filter.parts
    mask = evaluate(first, view)
    combine = np.logical_and if isinstance(filter, And) else np.logical_or
    for part in others:
        combine(mask, evaluate(part, view), out=mask)
    return mask


def having(filter: Filter) -> Having:
    """What is certainly true of all that pass, for `View.lexical`; it is no filter by itself.

    The `=` and `in` that all must pass and that do not ask for null; names may come twice.
    """
    return list(_certain(filter))


def _certain(filter: Filter) -> Iterator[tuple[str, tuple[MetadataValue, ...]]]:
    if isinstance(filter, OneOf) and None not in filter.values:
        yield filter.name, filter.values
    elif isinstance(filter, And):
        for part in filter.parts:
            yield from _certain(part)


def _one_of(column: Column, values: tuple[MetadataValue, ...]) -> Mask:
    places = {place for value in values for place in _places(column, value)}
    if len(places) == 1:
        return np.equal(column.codes, places.pop())
    verdict = np.zeros(len(column.values) + 1, np.bool_)
    verdict[list(places)] = True
    return verdict[column.codes]  # the last is for unset, whose code is -1


def _places(column: Column, value: MetadataValue) -> Iterator[int]:
    if value is None:
        yield _UNSET
        return
    place = bisect_left(column.values, value_order(value), key=value_order)
    if place < len(column.values) and value_order(column.values[place]) == value_order(value):
        yield place


def _ordered(column: Column, filter: Ordered) -> Mask:
    wanted = value_order(filter.value)
    bisect = bisect_left if filter.order in {"<", ">="} else bisect_right
    place = bisect(column.values, wanted, key=value_order)
    if filter.order in {"<", "<="}:
        begin, end = _kind(column, wanted[0]), place
    else:
        begin, end = place, _kind(column, wanted[0] + 1)
    return np.logical_and(column.codes >= begin, column.codes < end)


def _kind(column: Column, kind: int) -> int:
    """Where values of the kind begin."""
    return bisect_left(column.values, kind, key=lambda value: value_order(value)[0])
