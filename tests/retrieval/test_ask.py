"""A question to a cited answer, over a real index and a chat model that keeps what it was told."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.retrieval.collection import WORDS, indexed
from tests.retrieval.test_access import PRINCIPALS, document, marks_in, some_acl

from simile.errors import InputError, RemoteEngineError
from simile.providers.fake import FakeChat
from simile.retrieval.ask import condense
from simile.types import Document, Message

DOCUMENTS = [
    Document("sky.md", "the sky is blue", title="Sky"),
    Document("grass.md", "the grass is green"),
    Document("pay.md", "the salary of alice is green", acl=("group:hr",)),
]


@pytest.fixture
def index(tmp_path):
    with indexed(tmp_path / "index", DOCUMENTS) as index:
        yield index


class Breaking(FakeChat):
    """Breaks off after a few words."""

    def stream(self, messages):
        for number, part in enumerate(super().stream(messages)):
            if number == 2:
                raise RemoteEngineError("the connection broke")
            yield part


def test_the_answer_comes_in_parts_and_its_citations_are_checked(index):
    chat = FakeChat("It is blue [1], green [2][9].")
    answer = index.ask("the sky is blue", chat=chat)
    assert len(list(answer)) > 3 and answer.text == "It is blue [1], green [2][9]."
    assert [source.document_id for source in answer.sources] == ["sky.md", "grass.md"]
    assert answer.citations.sources == answer.sources and answer.citations.unknown == (9,)
    assert chat.asked == [answer.messages]


def test_what_another_document_says_in_the_same_words_is_sent_once(tmp_path):
    twins = [*DOCUMENTS, Document("copy.md", "the sky is blue", title="Sky")]
    with indexed(tmp_path / "twins", twins) as index:
        assert str(index.ask("the sky is blue", chat=None).messages).count("sky is blue") == 2


def test_nothing_is_asked_before_the_first_part_is(index):
    chat = FakeChat("x")
    index.ask("the sky", chat=chat)
    assert chat.asked == []


def test_nobody_is_asked_where_nothing_is_near(index):
    chat = FakeChat("x")
    answer = index.ask("quarterly numbers", chat=chat)
    assert list(answer) == [] and answer.sources == () and chat.asked == []


def test_without_a_chat_model_the_prompt_is_there(index):
    answer = index.ask("the sky is blue", chat=None)
    assert "the sky is blue" in answer.messages[1].content and list(answer) == []


def test_what_came_before_it_broke_off_is_kept(index):
    answer = index.ask("the sky is blue", chat=Breaking("one two three four"))
    with pytest.raises(RemoteEngineError):
        list(answer)
    assert answer.text == "one two "


def test_a_passage_that_may_not_be_read_is_in_no_prompt(index):
    question = "the salary of alice is green"
    assert "salary" not in str(index.ask(question, chat=None).sources)
    told = index.ask(question, chat=None, principals=["group:hr"]).messages
    assert "salary" in told[1].content and "salary" not in told[0].content


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_nothing_of_what_may_not_be_read_reaches_a_chat_model(tmp_path_factory, seed):
    chance = Random(seed)
    documents = [document(chance, f"d{n}", some_acl(chance)) for n in range(12)]
    with indexed(tmp_path_factory.mktemp("ask") / "i", documents) as index:
        for _ in range(4):
            who = set(chance.sample(PRINCIPALS, chance.randint(0, 3)))
            hidden = [one for one in documents if not (who | {"public"}) & set(one.acl)]
            secrets = marks_in(hidden)
            chat = FakeChat()
            wanted = [*chance.choices(WORDS, k=3), *list(secrets)[:1]]
            answer = index.ask(
                " ".join(wanted), chat=chat, principals=who, k=chance.randint(1, 30),
                budget_tokens=chance.randint(1, 400), min_cosine=0.0,
            )  # fmt: skip
            list(answer)
            shown = marks_in([answer.sources, [chat.asked and chat.asked[0][0]]])
            assert not shown & secrets
            # The question itself is the asker's own.
            told = answer.messages[1].content.rpartition("Question:")[0]
            assert not marks_in(told) & secrets


def test_a_question_that_follows_is_made_to_stand_alone():
    chat = FakeChat(" How is leave approved in Bavaria? ")
    history = [Message("user", "How is leave approved?"), Message("assistant", "By [1].")]
    assert condense(history, "and in Bavaria?", chat) == "How is leave approved in Bavaria?"
    assert "and in Bavaria?" in chat.asked[0][-1].content


def test_the_first_question_stands_alone():
    chat = FakeChat("never")
    assert condense([], "why?", chat) == "why?" and chat.asked == []


def test_an_empty_rewriting_leaves_the_question():
    assert condense([Message("user", "a")], "why?", FakeChat(" ")) == "why?"


@pytest.mark.parametrize("name", ["llama3", "", "hf.co/a/b"])
def test_a_name_that_is_no_chat_model_is_refused(index, name):
    with pytest.raises(InputError, match="ollama/NAME"):
        index.ask("the sky is blue", chat=name)
