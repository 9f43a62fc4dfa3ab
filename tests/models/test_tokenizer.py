"""Texts to token ids: cut to their window with the specials kept, whatever the text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoint_files import SPECIALS, VOCAB, change_json, write_tiny_bert

from simile.checkpoints.tokenizer_files import read_tokenizer
from simile.errors import CheckpointError, EngineError, InputError
from simile.models.tokenizer import Tokenizer

CLS, SEP, UNK = (SPECIALS.index(name) for name in ("[CLS]", "[SEP]", "[UNK]"))
ID = {piece: number for number, piece in enumerate((*SPECIALS, *VOCAB))}
WHOLE = 10**9
"""A window that cuts nothing, and makes the whole text be tokenized."""

PARTS = st.one_of(
    st.sampled_from([*VOCAB, " ", "  ", "\n", "\t", "\u3000", "\u00a0", "the cat ", ". ", "-"]),
    st.sampled_from(
        ["天", "気は", "天空青い", "é", "e\u0301", "n\u0303a", "ÀÉ", "İ", "ß", "Σ", "ﬁ"]
    ),
    st.sampled_from(
        ["\x00", "\x07", "\u200b", "\ufeff", "\ufffd", "\ud800", "\udc00", "😀", "\u200d"]
    ),
    st.sampled_from(["[SEP]", "[MASK]", "[CLS]", "[PAD]", "[UNK]", "[SE", "[", "]"]),
    st.integers(1, 130).map(lambda n: "x" * n),
    st.integers(1, 40).map(lambda n: " " * n),
    st.integers(1, 40).map(lambda n: "e" + "\u0301" * n),
    st.text(max_size=20),
)
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session", params=[False, True], ids=["as it is", "lower-cased"])
def either(request, folder):
    return Tokenizer(read_tokenizer(folder), lowercase=request.param)


@pytest.fixture(scope="session")
def tokenizer(folder):
    return Tokenizer(read_tokenizer(folder))


def ids_of(tokenizer, text, window=WHOLE):
    return tokenizer.encode([text], [window])[0].ids.tolist()


@given(text=TEXTS, repeat=st.integers(1, 6), window=st.integers(3, 9))
def test_a_long_text_is_cut_as_if_all_of_it_were_tokenized(either, text, repeat, window):
    text *= repeat
    whole = ids_of(either, text)
    [cut] = either.encode([text], [window])
    assert cut.ids.tolist() == [CLS, *whole[1:-1][: window - 2], SEP]
    assert cut.truncated == (len(whole) > window)


@given(text=TEXTS, repeat=st.integers(1, 6), part_chars=st.integers(1, 300))
def test_a_long_text_is_tokenized_in_parts_as_in_one(folder, text, repeat, part_chars):
    in_parts = Tokenizer(read_tokenizer(folder), part_chars=part_chars)
    text = text * repeat + "😀\u0301" * 700 * (part_chars % 2) + text
    whole = ids_of(in_parts, text)
    [cut] = in_parts.encode([text], [3])
    every = in_parts._encode_in_parts(text.encode("utf-8", "replace").decode(), WHOLE)
    assert cut.ids.tolist() == [CLS, *whole[1:-1][:1], SEP]
    assert [CLS, *every, SEP] == ids_of(in_parts, text.encode("utf-8", "replace").decode())


@pytest.mark.parametrize("word", ["😀", "한국", "ไทยนี้", "العربية", "हिन्दी", "\u0301", "\u200b"])
def test_megabytes_of_any_script_are_read_in_parts_of_bounded_size(folder, word):
    fast = read_tokenizer(folder)
    text = word * (2**20 // len(word)) + " the cat"
    [cut] = Tokenizer(fast).encode([text], [8])
    assert cut.ids.tolist() == fast.encode(text).ids
    assert not cut.truncated


@given(texts=st.lists(TEXTS, max_size=6), window=st.integers(3, 40))
def test_texts_of_one_call_are_tokenized_as_alone(tokenizer, texts, window):
    together = tokenizer.encode(texts, [window] * len(texts))
    assert [t.ids.tolist() for t in together] == [ids_of(tokenizer, t, window) for t in texts]


@given(texts=st.lists(TEXTS, max_size=4), part_chars=st.integers(1, 30))
def test_tokens_are_counted_as_encoding_makes_them(either, texts, part_chars):
    wanted = [len(ids_of(either, text)) - 2 for text in texts]
    counts = either.count(texts, part_chars=part_chars)
    assert counts.dtype == np.int32
    assert counts.tolist() == wanted == either.count(texts).tolist()


def test_megabytes_are_counted_whole(tokenizer):
    texts = ["the cat " * 100_000, "x" * 3_000_000, " " * 3_000_000, "気" * 100_000, "cat\n" * 300]
    assert tokenizer.count(texts).tolist() == [200_000, 1, 0, 100_000, 300]


def test_words_get_the_specials_around_them(tokenizer):
    assert ids_of(tokenizer, "the cat") == [CLS, ID["the"], ID["cat"], SEP]
    assert tokenizer.special_count == 2


def test_an_empty_text_is_its_specials(tokenizer):
    assert ids_of(tokenizer, "") == [CLS, SEP]
    assert ids_of(tokenizer, " \n\t\u3000") == [CLS, SEP]


def test_no_texts_give_nothing(tokenizer):
    assert tokenizer.encode([], []) == []


def test_the_window_is_exact(tokenizer):
    for window, cut in ((5, True), (6, False), (7, False)):
        [got] = tokenizer.encode(["the cat is blue"], [window])
        assert len(got.ids) == min(window, 6)
        assert (got.ids[0], got.ids[-1]) == (CLS, SEP)
        assert got.ids.dtype == np.int32
        assert got.truncated is cut


def test_each_text_has_its_own_window(tokenizer):
    got = tokenizer.encode(["the cat is blue"] * 3, [3, 4, 50])
    assert [len(text.ids) for text in got] == [3, 4, 6]


def test_case_and_accents_fold_as_the_checkpoint_says(tmp_path, tokenizer):
    assert ids_of(tokenizer, "CAT Ca\u0301t") == [CLS, ID["cat"], ID["cat"], SEP]
    folder = write_tiny_bert(tmp_path)
    change_json(folder / "tokenizer_config.json", do_lower_case=False)
    assert ids_of(Tokenizer(read_tokenizer(folder)), "CAT cat") == [CLS, UNK, ID["cat"], SEP]
    lowered = Tokenizer(read_tokenizer(folder), lowercase=True)
    assert ids_of(lowered, "CAT cat") == [CLS, ID["cat"], ID["cat"], SEP]
    assert ids_of(lowered, "CAT [SEP]") == [CLS, ID["cat"], SEP, SEP]


def test_control_characters_and_nul_are_no_tokens(tokenizer):
    assert ids_of(tokenizer, "c\x00a\x07t\x00") == [CLS, ID["cat"], SEP]


@pytest.mark.parametrize("text", ["\ud800", "\udfff", "the \ud800", "\udc00\ud800 the"])  # noqa: PT014
def test_lone_surrogates_are_read_as_unreadable_characters(tokenizer, text):
    sound = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert ids_of(tokenizer, text) == ids_of(tokenizer, sound)


def test_a_lone_surrogate_takes_nothing_with_it(tokenizer):
    # BERT's cleaning removes U+FFFD itself.
    assert ids_of(tokenizer, "the \ud800cat\ud83d is") == ids_of(tokenizer, "the cat is")


def test_surrogates_in_a_pair_are_one_character(tokenizer):
    assert ids_of(tokenizer, "the \ud83d\ude00 cat\udead") == ids_of(
        tokenizer, "the \U0001f600 cat"
    )


@pytest.mark.parametrize(
    "text",
    ["the cat " * 1_250_000, "x" * 1_000_000, " " * 999_999 + "a", "\ud800" * 1_000_000],
    ids=["words", "one word", "blanks", "surrogates"],
)
def test_megabytes_are_answered(tokenizer, text):
    [got] = tokenizer.encode([text], [32])
    assert 2 <= len(got.ids) <= 32
    assert (got.ids[0], got.ids[-1]) == (CLS, SEP)
    assert got.truncated is text.startswith("the")


def test_a_file_that_cuts_and_pads_is_not_followed(tmp_path):
    from tokenizers import Tokenizer as FastTokenizer

    folder = write_tiny_bert(tmp_path)
    fast = FastTokenizer.from_file(str(folder / "tokenizer.json"))
    fast.enable_truncation(4)
    fast.enable_padding(length=16)
    fast.save(str(folder / "tokenizer.json"))
    wanted = [CLS, ID["the"], ID["cat"], ID["is"], ID["blue"], SEP]
    assert ids_of(Tokenizer(read_tokenizer(folder)), "the cat is blue") == wanted


def test_token_ids_are_taken_with_or_without_specials(tokenizer):
    words = (ID["the"], ID["cat"])
    for ids in (words, (CLS, *words), (*words, SEP), (CLS, *words, SEP)):
        [got] = tokenizer.encode([ids], [32])
        assert got.ids.tolist() == [CLS, *words, SEP]
        assert not got.truncated


def test_token_ids_are_cut_to_the_window(tokenizer):
    [got] = tokenizer.encode([(CLS, *[ID["the"]] * 9, SEP)], [5])
    assert got.ids.tolist() == [CLS, *[ID["the"]] * 3, SEP]
    assert got.truncated


@pytest.mark.parametrize("ids", [(), (CLS, SEP), (CLS,), (SEP,)])
def test_no_token_ids_are_an_empty_text(tokenizer, ids):
    assert tokenizer.encode([ids], [32])[0].ids.tolist() == [CLS, SEP]


def test_texts_and_token_ids_mix(tokenizer):
    got = tokenizer.encode(["the cat", (ID["the"], ID["cat"]), "the cat" * 999], [4, 4, 4])
    assert got[0].ids.tolist() == got[1].ids.tolist()
    assert len(got[2].ids) == 4


@pytest.mark.parametrize("token", [-1, len(ID) + 1, 10**12])
def test_an_unknown_token_id_is_an_input_error(tokenizer, token):
    tokenizer.check_ids([0, tokenizer.vocab_size - 1])
    with pytest.raises(InputError, match=f"token id {token} is unknown; expected 0 to"):
        tokenizer.check_ids([ID["the"], token])


def test_vocab_txt_alone_is_enough(tmp_path, tokenizer):
    folder = write_tiny_bert(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join((*SPECIALS, *VOCAB)), encoding="utf-8")
    text = "The cat's sky, it is bluest! [SEP] x9"
    assert ids_of(Tokenizer(read_tokenizer(folder)), text) == ids_of(tokenizer, text)
    assert Tokenizer(read_tokenizer(folder)).vocab_size == tokenizer.vocab_size


def test_no_tokenizer_at_all_is_a_checkpoint_error(tmp_path):
    folder = write_tiny_bert(tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.json nor vocab\.txt"):
        Tokenizer(read_tokenizer(folder))


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"\xff\xfe", b'{"model": 3}'])
def test_a_broken_tokenizer_is_a_checkpoint_error(tmp_path, content):
    folder = write_tiny_bert(tmp_path)
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Tokenizer(read_tokenizer(folder))


@pytest.mark.parametrize("content", [b"", b"the\ncat\n", b"\xff\xfe"])
def test_a_broken_vocabulary_is_a_checkpoint_error(tmp_path, content):
    folder = write_tiny_bert(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"vocab\.txt"):
        Tokenizer(read_tokenizer(folder))


def test_a_broken_tokenizer_config_is_a_checkpoint_error(tmp_path):
    folder = write_tiny_bert(tmp_path)
    (folder / "tokenizer_config.json").write_bytes(b"{")
    with pytest.raises(CheckpointError, match=r"tokenizer_config\.json"):
        Tokenizer(read_tokenizer(folder))


class PanicException(BaseException):
    """As the library's own, which cannot be had by name."""


class PanickingTokenizer:
    """The library's tokenizer, until a text is read."""

    def __init__(self, fast):
        self._fast = fast

    def __getattr__(self, name):
        return getattr(self._fast, name)

    def encode(self, text, **options):
        if text == "a":
            return self._fast.encode(text, **options)
        raise PanicException("index out of bounds")


def test_a_panic_of_the_library_is_an_engine_error(folder):
    panicking = Tokenizer(PanickingTokenizer(read_tokenizer(folder)))
    with pytest.raises(EngineError, match="cannot read this text"):
        panicking.encode(["the cat"], [8])
    with pytest.raises(EngineError):
        panicking.pieces("the cat")
