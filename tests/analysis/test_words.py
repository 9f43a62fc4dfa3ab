"""The words of a cluster are those that tell it from the others, in any language."""

import numpy as np

from simile.analysis.words import label_words


def words(texts, labels, count=3):
    return label_words(texts, np.array(labels, np.int32), max(labels) + 1, count=count)


def test_what_all_texts_share_is_no_label():
    texts = [
        "the cat and the mouse",
        "the cat and a bird",
        "the tax and the bank",
        "the bank, a tax",
    ]
    assert words(texts, [0, 0, 1, 1], 2) == [("cat", "bird"), ("bank", "tax")]


def test_scores_are_those_of_the_formula():
    texts = ["a1 apple apple pear", "apple fig", "fig fig kiwi"]
    # tf(apple) in 0 is 3 of 3, tf(fig) 1 of 3, tf(pear) 1 of 1; A is (5 + 3) / 2.
    scores = {"apple": 3 * np.log1p(4 / 3), "pear": np.log1p(4)}
    assert words(texts, [0, 0, 1])[0] == tuple(sorted(scores, key=lambda word: -scores[word]))


def test_one_cluster_alone_has_words_too():
    assert words(["red wine", "red beer"], [0, 0], 1) == [("red",)]


def test_languages_without_spaces_give_pairs_of_characters():
    texts = ["猫が好き", "猫が来た", "銀行の口座", "銀行で口座"]
    cats, banks = words(texts, [0, 0, 1, 1])
    assert "猫が" in cats
    assert {"銀行", "口座"} <= set(banks)


def test_case_and_punctuation_do_not_part_words_and_numbers_are_none():
    assert words(["Visa! VISA? 2024", "euro"], [0, 1])[0] == ("visa",)


def test_texts_without_words_have_no_labels():
    assert words(["1 2 3", "..."], [0, 1]) == [(), ()]
