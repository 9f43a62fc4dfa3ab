"""Groups of near-duplicates, compared with connected components of all pairs."""

import numpy as np
import pytest
from tests.analysis.test_pairs import brute_force, clustered

from simile.analysis import forest
from simile.analysis.dedupe import near_duplicates, normalized
from simile.analysis.files import load_duplicates, save_duplicates
from simile.errors import InputError


def brute_groups(unit, threshold):
    groups = {row: {row} for row in range(len(unit))}
    for one, other in brute_force(unit, threshold):
        if groups[one] is not groups[other]:
            groups[one] |= groups[other]
            for row in groups[other]:
                groups[row] = groups[one]
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def members(groups):
    return {frozenset([group.keep, *(one.row for one in group.drop)]) for group in groups}


@pytest.mark.parametrize("threshold", [0.75, 0.8, 0.85, 0.9, 0.95, 0.99])
def test_groups_at_any_threshold_are_those_of_brute_force(threshold):
    unit = clustered(600, spread=0.3)
    assert members(near_duplicates(unit, floor=0.75).groups(threshold)) == brute_groups(
        unit, threshold
    )


def test_groups_are_the_same_where_pairs_are_thinned_again_and_again(monkeypatch):
    unit = clustered(1500, spread=0.2)
    whole = near_duplicates(unit, floor=0.6)
    monkeypatch.setattr(forest, "_FULL", 50)
    thinned = near_duplicates(unit, floor=0.6)
    for threshold in (0.6, 0.8, 0.9, 0.95):
        assert thinned.groups(threshold) == whole.groups(threshold)


def test_the_longest_text_is_kept_and_of_equal_ones_the_first():
    vectors = np.ones((4, 3))
    [group] = near_duplicates(vectors, ["ab", "abcd", "abce", "a"]).groups()
    assert group.keep == 1
    assert sorted(one.row for one in group.drop) == [0, 2, 3]


def test_the_same_text_but_for_white_space_is_an_exact_duplicate_at_any_threshold():
    vectors = np.eye(3)
    found = near_duplicates(vectors, ["two  words\n", "other", "two words"])
    [group] = found.groups(1.0)
    assert (group.keep, [(one.row, one.reason) for one in group.drop]) == (0, [(2, "exact")])


def test_normal_form_joins_composed_and_decomposed_letters():
    assert normalized("cafe\u0301") == normalized("caf\u00e9")
    assert normalized("Cafe") != normalized("cafe")


def test_a_chain_names_the_neighbor_and_the_true_cosine():
    angles = np.radians([0, 20, 40])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    [group] = near_duplicates(vectors, floor=0.9).groups(0.9)
    near, chain = group.drop
    assert (near.row, near.reason, near.via) == (1, "near", 0)
    assert (chain.row, chain.reason, chain.via) == (2, "chain", 1)
    assert chain.cosine == pytest.approx(np.cos(np.radians(40)))


def test_equal_vectors_are_near_at_one():
    vectors = np.repeat(np.random.default_rng(0).standard_normal((1, 7)), 500, axis=0)
    [group] = near_duplicates(vectors, [f"{row:03}" for row in range(500)]).groups(1.0)
    assert len(group.drop) == 499
    assert {one.reason for one in group.drop} == {"near"}
    assert all(one.cosine >= 1.0 - 1e-12 for one in group.drop)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_vectors_have_no_duplicates(count):
    assert near_duplicates(np.ones((count, 4)), ["x"] * count).groups() == []


def test_vectors_of_zeros_are_near_to_nothing():
    assert near_duplicates(np.zeros((3, 4)), ["a", "b", "c"]).groups() == []


def test_a_vector_that_is_not_finite_is_refused_by_its_row():
    vectors = np.ones((5, 3))
    vectors[3, 1] = np.nan
    with pytest.raises(InputError, match="row 3"):
        near_duplicates(vectors)


@pytest.mark.parametrize("threshold", [1.01, -1.5, float("nan")])
def test_what_is_no_cosine_is_refused(threshold):
    with pytest.raises(InputError, match="-1 to 1"):
        near_duplicates(np.ones((2, 3)), floor=threshold)
    with pytest.raises(InputError, match="-1 to 1"):
        near_duplicates(np.ones((2, 3))).groups(threshold)


def test_a_threshold_below_the_floor_is_refused():
    with pytest.raises(InputError, match="floor"):
        near_duplicates(np.ones((2, 3)), floor=0.9).groups(0.8)


def test_what_was_saved_gives_the_same_groups(tmp_path):
    unit = clustered(200)
    texts = [f"text {row % 150}" for row in range(200)]
    found = near_duplicates(unit, texts, ids=[f"id{row}" for row in range(200)])
    save_duplicates(tmp_path / "near.npz", found)
    loaded = load_duplicates(tmp_path / "near.npz")
    assert loaded.ids == found.ids
    for threshold in (0.85, 0.92, 1.0):
        assert loaded.groups(threshold) == found.groups(threshold)


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("not a zip", encoding="utf-8")
    with pytest.raises(InputError, match="damaged or was not written by simile"):
        load_duplicates(tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", notes=np.array([{"kind": 1}], dtype=object))
    with pytest.raises(InputError, match="damaged or was not written by simile"):
        load_duplicates(tmp_path / "objects.npz")
    with pytest.raises(InputError, match="cannot be read"):
        load_duplicates(tmp_path / "missing.npz")


def test_a_file_whose_rows_are_not_those_of_its_pairs_is_refused(tmp_path):
    path = tmp_path / "near.npz"
    save_duplicates(path, near_duplicates(np.eye(4)[[0, 1, 0, 1]]))
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"rows": arrays["rows"][::-1]}))
    with pytest.raises(InputError, match="damaged"):
        load_duplicates(path)


def test_a_search_that_is_not_exact_tells_its_recall():
    pytest.importorskip("faiss")
    unit = clustered(3000, spread=0.2)
    exact = near_duplicates(unit, floor=0.8)
    other = near_duplicates(unit, floor=0.8, exact=False)
    assert exact.recall(0.9) == 1.0
    assert other.sample is not None
    assert 0.9 < other.recall(0.9) <= 1.0
    found = {pair for group in members(other.groups(0.9)) for pair in group}
    assert found <= {pair for group in members(exact.groups(0.9)) for pair in group}
