"""A question to a cited answer, over a real index and a chat model that keeps what it was told."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fake import FakeChat
from tests.retrieval.collection import WORDS, indexed
from tests.retrieval.test_access import PRINCIPALS, document, marks_in, some_acl

from simile.errors import InputError, RemoteEngineError
from simile.retrieval.ask import Answer, condense
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


def test_what_differs_in_a_number_or_a_word_is_sent_although_it_is_near(tmp_path):
    said = "Employees of the office receive {} days of paid leave, approved by the team lead."
    years = [Document(f"{n}.md", said.format(n)) for n in (28, 30)]
    with indexed(tmp_path / "years", years) as index:
        sources = index.ask(said.format(28), chat=None).sources
        assert {source.document_id for source in sources} == {"28.md", "30.md"}


def test_copies_do_not_take_the_place_of_other_passages(tmp_path):
    copies = [Document(f"copy{n}.md", "the  Sky is blue") for n in range(5)]
    with indexed(tmp_path / "copies", [*DOCUMENTS, *copies]) as index:
        sources = index.ask("the sky is blue", chat=None, k=2).sources
        assert [source.text.casefold().split()[1] for source in sources] == ["sky", "grass"]


@pytest.mark.parametrize(
    ("said", "cited", "unknown"),
    [
        ("a [1, 2].", (1, 2), ()),
        ("a [1][2] b", (1, 2), ()),
        ("a[1;2]", (1, 2), ()),
        ("a [1-2], [2\u20139]", (1, 2), (9,)),
        ("a \u30101\u3011 \u30102\u2020source\u3011", (1, 2), ()),
        ("a [^1] [Passage 2] [sources 1 and 2]", (1, 2), ()),
        ("in [2020-2024] a[0]", (), (0, 2020, 2024)),
        ("[1-9999]", (1, 2), (9999,)),
        ("[12345] [x1] [] [a] [1.2] (1)", (), ()),
    ],
)
def test_citations_are_read_as_models_write_them(index, said, cited, unknown):
    answer = index.ask("the sky is blue", chat=FakeChat(said))
    list(answer)
    assert tuple(source.number for source in answer.citations.sources) == cited
    assert answer.citations.unknown == unknown


@pytest.mark.parametrize("least", [float("nan"), 1.1, -2])
def test_a_least_cosine_that_is_none_is_refused(index, least):
    with pytest.raises(InputError, match="min_cosine"):
        index.ask("the sky is blue", chat=None, min_cosine=least)


@pytest.mark.parametrize("k", [0, -1, 10_001])
def test_a_number_of_passages_out_of_range_is_named_as_it_was_given(index, k):
    with pytest.raises(InputError, match=f"k is {k};"):
        index.ask("the sky is blue", chat=None, k=k)


class Ended(FakeChat):
    """Says why it stopped."""

    def stream(self, messages):
        return Ending(super().stream(messages))


class Ending:
    def __init__(self, parts):
        self.parts, self.end_reason = parts, "length"

    def __iter__(self):
        return iter(self.parts)


def test_an_answer_that_the_models_greatest_length_cut_says_so(index):
    for chat, cut in ((Ended("a b"), True), (FakeChat("a b"), False)):
        answer = index.ask("the sky is blue", chat=chat)
        list(answer)
        assert answer.cut is cut


def test_an_answer_that_has_come_is_not_asked_for_again(index):
    chat = FakeChat("It is blue [1].")
    answer = index.ask("the sky is blue", chat=chat)
    list(answer)
    assert list(answer) == [] and answer.text == "It is blue [1]." and len(chat.asked) == 1


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
                budget_tokens=chance.randint(40, 400), min_cosine=0.0,
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


def test_a_rewriting_that_does_not_end_is_left_and_the_question_taken():
    taken = []

    class Rambling(FakeChat):
        def stream(self, messages):
            for _ in range(10_000):
                taken.append("word ")
                yield taken[-1]

    assert condense([Message("user", "a")], "why?", Rambling("")) == "why?"
    assert len(taken) < 500


def test_of_a_long_conversation_the_beginning_of_each_message_is_told():
    chat = FakeChat("b")
    condense([Message("user", "x" * 100_000), Message("assistant", "y")], "why?", chat)
    told = chat.asked[0][-1].content
    assert len(told) < 5_000 and "assistant: y" in told and "why?" in told


@pytest.mark.parametrize("name", ["llama3", "", "hf.co/a/b"])
def test_a_name_that_is_no_chat_model_is_refused(index, name):
    with pytest.raises(InputError, match="ollama/NAME"):
        index.ask("the sky is blue", chat=name)


@given(st.text(alphabet="[]1†29,-–  andpassage[［【】］^", max_size=400))
def test_any_answer_has_its_citations_read(text):
    answer = Answer("q", [], None)
    answer._parts.append(text)
    found = answer.citations
    assert not found.sources and all(0 <= number <= 9999 for number in found.unknown)


@pytest.mark.parametrize("piece", ["[1†", "[1,", "[1-", "[ 1 ", "[1 and ", "【", "[passage "])
def test_unfinished_citations_take_time_in_proportion_to_their_number(piece):
    answer = Answer("q", [], None)
    answer._parts.append(piece * 130_000)  # 28 s for a third of it where each one read to the end.
    assert answer.citations.unknown == ()
