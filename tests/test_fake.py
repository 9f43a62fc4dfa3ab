import numpy as np
import pytest
from tests.fake import FakeChat, FakeEmbedder

from simile.errors import InputError
from simile.protocols import ChatModel, EmbeddingModel
from simile.types import Message


def test_it_is_an_embedding_model():
    model: EmbeddingModel = FakeEmbedder(dim=16)
    vectors = model.embed(["a cat", "", "\ud800"], role="document")
    assert vectors.shape == (3, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (model.dim, model.max_tokens, len(model.fingerprint)) == (16, 512, 32)


def test_shared_words_give_near_vectors():
    fake = FakeEmbedder(dim=256)
    query = fake.embed(["where is the Cat"], role="query")[0]
    documents = fake.embed(["the cat is here", "dogs bark loudly"], role="document")
    near, far = documents @ query
    assert near > 0.7 > 0.2 > far


def test_equal_texts_give_equal_vectors_whatever_the_role():
    first = FakeEmbedder().embed(["a b", "b a", "a b c"], role="query")
    second = FakeEmbedder().embed(["A  B"], role="document")
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[0], first[1])


def test_words_beyond_the_window_are_not_read():
    fake = FakeEmbedder(max_tokens=2)
    vectors = fake.embed(["a b c", "a b"], role="query")
    assert np.array_equal(vectors[0], vectors[1])
    assert fake.count_tokens(["a b c", ""]).tolist() == [3, 0]


def test_fingerprint_follows_the_width():
    assert FakeEmbedder(dim=8).fingerprint != FakeEmbedder(dim=9).fingerprint


@pytest.mark.parametrize(("texts", "role"), [("a", "query"), ([1], "query"), (["a"], "both")])
def test_what_is_no_text_or_role_is_refused(texts, role):
    with pytest.raises(InputError):
        FakeEmbedder().embed(texts, role=role)


def test_the_fake_chat_quotes_the_last_message():
    chat = FakeChat()
    model: ChatModel = chat
    asked = [Message("system", "Be brief."), Message("user", "Why is\n the sky  blue? ")]
    assert list(model.stream(asked)) == ["Why ", "is\n ", "the ", "sky  ", "blue? "]
    assert chat.asked == [asked]
    chat.close()


@pytest.mark.parametrize("text", ["", " ", " a", "The sky.\n\nIt is blue [1]. "])
def test_the_fake_chat_says_what_it_is_told(text):
    asked = [Message("user", "a")]
    for answer in (text, lambda messages: text * len(messages)):
        assert "".join(FakeChat(answer).stream(asked)) == text


def test_the_fake_chat_refuses_what_is_no_conversation():
    with pytest.raises(InputError):
        FakeChat().stream([])
