"""Evaluate a filter's tree over a view: which rows pass.

Two-valued logic: every part is true or false for every document. An unset field has no value, so
only `= null` is true of it; `!=` and `not in` negate `=` and `in`. Values of different kinds
(text, number, bool) are never equal and never ordered. Uses no SQL: a column's values are sorted,
so a comparison is a range of codes, whatever the number of documents.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np

from simile.retrieval.filter_parser import And, Filter, Not, OneOf, Or, Ordered, parse_filter
from simile.store import Column, Mask, View, value_order
from simile.types import MetadataValue

__all__ = ["And", "Filter", "Not", "OneOf", "Or", "Ordered", "evaluate", "parse_filter"]

_UNSET = -1


def evaluate(filter: Filter, view: View) -> Mask:
    """Return which rows of the view pass: a new bool (rows,). Does not check access."""
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


def _one_of(column: Column, values: tuple[MetadataValue, ...]) -> Mask:
    places = {place for value in values for place in _places(column, value)}
    if len(places) == 1:
        return np.equal(column.codes, places.pop())
    verdict = np.zeros(len(column.values) + 1, np.bool_)
    verdict[list(places)] = True
    return verdict[column.codes]  # the last one is for unset, whose code is -1


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
    """Return the index where values of the kind begin."""
    return bisect_left(column.values, kind, key=lambda value: value_order(value)[0])
