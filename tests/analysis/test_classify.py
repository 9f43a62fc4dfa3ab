"""Classifiers from examples, from names, and from files."""

import io
import json
import math
import zipfile

import numpy as np
import pytest

from simile.analysis.classify import fit
from simile.analysis.files import load_classifier, load_duplicates, save_classifier
from simile.analysis.scorers import METHODS
from simile.analysis.unit_rows import unit_rows
from simile.analysis.validation import folds
from simile.errors import FingerprintError, InputError

pytest.importorskip("sklearn")
DIM, LABELS = 24, 12


def examples(each, *, seed=0, spread=0.8):
    centers = np.random.default_rng(7).standard_normal((LABELS, DIM))
    chance = np.random.default_rng(seed)
    labels = np.repeat(np.arange(LABELS), each)
    vectors = centers[labels] + spread * chance.standard_normal((len(labels), DIM))
    return unit_rows(vectors), [f"label {label}" for label in labels]


def accuracy(classifier, vectors, labels):
    found = classifier.predict(vectors)
    return np.mean([one.nearest == label for one, label in zip(found, labels, strict=True)])


def test_accuracy_is_not_behind_that_of_plain_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    vectors, labels = examples(8, spread=1.2)
    unseen, truth = examples(100, seed=1, spread=1.2)
    plain = LogisticRegression().fit(vectors, labels).score(unseen, truth)
    assert accuracy(fit(vectors, labels), unseen, truth) >= plain - 0.01


def test_the_best_method_on_unseen_examples_is_taken():
    fitted = fit(*examples(8)).fitted
    assert fitted.accuracies.keys() == METHODS.keys()
    assert fitted.accuracies[fitted.method] == max(fitted.accuracies.values())


def test_confidences_are_as_often_right_as_they_say():
    classifier = fit(*examples(20, spread=1.2))
    unseen, truth = examples(200, seed=1, spread=1.2)
    found = classifier.predict(unseen)
    right = np.mean([one.nearest == label for one, label in zip(found, truth, strict=True)])
    assert 0.5 < right < 0.95
    assert np.mean([one.confidence for one in found]) == pytest.approx(right, abs=0.06)
    assert sum(found[0].scores) == pytest.approx(1, abs=1e-5)


def test_what_is_like_no_label_is_none_of_these():
    classifier = fit(*examples(8))
    strange = np.random.default_rng(5).standard_normal((200, DIM))
    known, _ = examples(30, seed=1)
    refused = np.mean([one.label is None for one in classifier.predict(strange)])
    wrongly = np.mean([one.label is None for one in classifier.predict(known)])
    assert refused > 0.5
    assert wrongly < 0.1
    assert all(one.label for one in classifier.predict(strange, min_confidence=0))


def test_one_example_for_each_label_is_a_prototype():
    vectors = unit_rows(np.eye(3))
    classifier = fit(vectors, ["a", "b", "c"])
    assert [one.label for one in classifier.predict(vectors)] == ["a", "b", "c"]
    assert (classifier.fitted.method, classifier.calibrated) == ("prototypes", False)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_tells_two_labels_apart(method):
    vectors = unit_rows(np.array([[1, 0.1], [1, -0.1], [0.1, 1], [-0.1, 1]]))
    scorer = METHODS[method](vectors, np.array([0, 0, 1, 1]), 2)
    assert scorer.logits(vectors).argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_the_only_example_of_a_label_is_never_held_out():
    fold = folds(np.array([0, 0, 0, 1, 2, 2]), seed=0)
    assert fold[3] == -1
    assert (np.delete(fold, 3) >= 0).all()
    assert fold[4] != fold[5]


def test_the_same_seed_gives_the_same_classifier():
    one, other = fit(*examples(6)), fit(*examples(6))
    unseen, _ = examples(5, seed=1)
    assert one.predict(unseen) == other.predict(unseen)
    assert one.fitted == other.fitted


@pytest.mark.parametrize("each", [1, 8])
def test_a_loaded_classifier_says_the_same(tmp_path, each):
    classifier = fit(*examples(each), fingerprint="f" * 64, model="tiny")
    save_classifier(tmp_path / "c.npz", classifier)
    loaded = load_classifier(tmp_path / "c.npz")
    unseen, _ = examples(5, seed=1)
    assert loaded.predict(unseen) == classifier.predict(unseen)
    assert (loaded.labels, loaded.fitted) == (classifier.labels, classifier.fitted)
    assert (loaded.fingerprint, loaded.model) == ("f" * 64, "tiny")


def test_vectors_of_another_model_are_refused():
    classifier = fit(*examples(2), fingerprint="one", model="tiny")
    classifier.require("one")
    with pytest.raises(FingerprintError, match="tiny"):
        classifier.require("another")
    with pytest.raises(InputError, match="wide"):
        classifier.predict(np.ones((1, DIM + 1)))


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "c.npz"
    save_classifier(path, fit(*examples(2)))
    with pytest.raises(InputError, match="classifier"):
        load_duplicates(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"centers": arrays["centers"][:, :3]}))
    with pytest.raises(InputError, match="damaged"):
        load_classifier(path)


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 0}, {"temperature": math.nan}, {"labels": ["a"]}, {"temperature": "x"},
     {"limits": {"confidence": "x", "cosine": None}}],
)  # fmt: skip
def test_a_file_with_numbers_that_make_no_sense_is_refused(tmp_path, wrong):
    path = tmp_path / "c.npz"
    save_classifier(path, fit(*examples(2)))
    with np.load(path) as file:
        arrays = dict(file)
    notes = json.loads(arrays["notes"].tobytes()) | wrong
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="damaged"):
        load_classifier(path)


def test_an_array_that_claims_more_than_memory_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("notes.npy", header.getvalue())
    with pytest.raises(InputError, match="damaged"):
        load_classifier(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("vectors", "labels"),
    [(np.ones((2, 3)), ["a", "a"]), (np.ones((0, 3)), []), (np.ones((2, 3)), ["a"])],
)
def test_what_cannot_be_learnt_is_refused(vectors, labels):
    with pytest.raises(InputError, match="label"):
        fit(vectors, labels)


def test_a_least_confidence_outside_of_0_to_1_is_refused():
    with pytest.raises(InputError, match="0 to 1"):
        fit(*examples(1)).predict(np.ones((1, DIM)), min_confidence=1.5)
