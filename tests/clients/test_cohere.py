"""Cohere's own client, by its v1 and its v2, and LangChain's of it.

https://pypi.org/project/cohere and https://pypi.org/project/langchain-cohere.
"""

import asyncio

import pytest
from tests.clients.conftest import PASSAGES, QUERY, RERANKER


@pytest.fixture
def cohere(package):
    return package("cohere")


@pytest.fixture(params=["Client", "ClientV2"])
def client(cohere, rerank_url, request):
    return getattr(cohere, request.param)(api_key="unused", base_url=rerank_url)


def pairs(answer):
    return [(one.index, one.relevance_score) for one in answer.results]


def test_texts_are_ranked_as_by_the_reranker(client, ranked):
    answer = client.rerank(model=RERANKER, query=QUERY, documents=list(PASSAGES))
    assert pairs(answer) == ranked
    assert answer.id.startswith("rerank-")
    assert answer.meta.billed_units.search_units == 1


def test_only_the_best(client, ranked):
    answer = client.rerank(model=RERANKER, query=QUERY, documents=list(PASSAGES), top_n=1)
    assert pairs(answer) == ranked[:1]


def test_the_first_version_takes_objects_and_gives_them_back(cohere, rerank_url, ranked):
    client = cohere.Client(api_key="unused", base_url=rerank_url)
    documents = [{"text": text} for text in PASSAGES]
    answer = client.rerank(query=QUERY, documents=documents, return_documents=True)
    assert pairs(answer) == ranked
    assert [one.document.text for one in answer.results] == [PASSAGES[place] for place, _ in ranked]


def test_async(cohere, rerank_url, ranked):
    async def main():
        client = cohere.AsyncClientV2(api_key="unused", base_url=rerank_url)
        return await client.rerank(model=RERANKER, query=QUERY, documents=list(PASSAGES))

    assert pairs(asyncio.run(main())) == ranked


def test_errors_are_the_clients_own(cohere, client):
    with pytest.raises(cohere.NotFoundError) as caught:
        client.rerank(model="nope", query=QUERY, documents=["a"])
    assert caught.value.body["message"] == 'model "nope" not found, try pulling it first'
    with pytest.raises(cohere.BadRequestError) as caught:
        client.rerank(model=RERANKER, query=QUERY, documents=[])
    assert "documents is empty" in caught.value.body["message"]


@pytest.fixture
def compressor(package, rerank_url):
    return lambda **options: package("langchain_cohere").CohereRerank(
        **{"model": RERANKER, "base_url": rerank_url, "cohere_api_key": "unused"} | options
    )


def test_langchain_orders_documents(package, compressor, ranked):
    documents = [package("langchain_core.documents").Document(text) for text in PASSAGES]
    best = compressor(top_n=None).compress_documents(documents, QUERY)
    assert [one.page_content for one in best] == [PASSAGES[place] for place, _ in ranked]
    assert [one.metadata["relevance_score"] for one in best] == [score for _, score in ranked]
    assert len(compressor(top_n=1).compress_documents(documents, QUERY)) == 1


def test_langchain_passes_errors_on(cohere, compressor):
    with pytest.raises(cohere.NotFoundError, match="nope"):
        compressor(model="nope").rerank(["a"], QUERY)
