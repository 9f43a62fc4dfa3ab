"""Retrieval-augmented generation, step by step: embed, chunk, index, search, build the prompt.

Requests vectors from a running server (simile or Ollama) through both of its APIs, then indexes
documents with the same model in this process. Prints the prompt for a chat model, but calls none.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx2

from simile import Document, Embedder, Hit, Index

TEXTS = {
    "rag.md": """# RAG

RAG combines retrieval with generation: passages are looked up first, and a chat model answers
from them.
""",
    "embeddings.md": """# Embeddings

Embeddings map text into vector space for similarity search; texts that mean the same lie close
to each other.
""",
    "chunking.md": """# Chunking

A long document is cut into chunks, so that each vector stands for one thought.
""",
}


def embed_with_ollama_api(host: str, model: str, texts: list[str]) -> list[list[float]]:
    """POST /api/embed: one vector per text."""
    answer = httpx2.post(f"{host}/api/embed", json={"model": model, "input": texts}, timeout=120)
    if answer.is_error:
        sys.exit(f"{host} answered {answer.status_code}: {answer.text}")
    vectors: list[list[float]] = answer.json()["embeddings"]
    return vectors


def embed_with_openai_client(host: str, model: str, text: str) -> list[float] | None:
    """POST /v1/embeddings with the official client; None if it is not installed."""
    try:
        from openai import OpenAI
    except ModuleNotFoundError:
        return None
    client = OpenAI(base_url=f"{host}/v1", api_key="not-needed")
    return client.embeddings.create(model=model, input=text).data[0].embedding


def build_context(hits: list[Hit], question: str) -> str:
    """Return the prompt: passages, numbered for citation, and the question."""
    passages = [
        f"[{number}] {hit.document_id}, line {hit.lines[0]}\n{hit.text}"
        for number, hit in enumerate(hits, start=1)
    ]
    return "\n\n".join(["Answer from these passages.", *passages, f"Question: {question}"])


def main() -> None:
    """Parse the command line and run the steps."""
    parser = argparse.ArgumentParser(description="Walk through retrieval, step by step.")
    parser.add_argument("--question", default="What is retrieval-augmented generation?")
    parser.add_argument(
        "--folder", type=Path, help="folder to index; by default three short documents"
    )
    parser.add_argument("--model", default="all-minilm")
    parser.add_argument("--host", default="http://127.0.0.1:11434", help="URL of the server")
    options = parser.parse_args()
    host = options.host.rstrip("/")
    try:
        vectors = embed_with_ollama_api(host, options.model, [options.question, *TEXTS.values()])
    except httpx2.TransportError as exc:
        sys.exit(f"cannot reach a server at {host} ({exc}); start one with: simile serve")
    print(f"1. Ollama's API: {len(vectors)} vectors of width {len(vectors[0])}")
    vector = embed_with_openai_client(host, options.model, options.question)
    same = "not installed (pip install openai)"
    if vector is not None:
        furthest = max(abs(a - b) for a, b in zip(vector, vectors[0], strict=True))
        same = f"width {len(vector)}, at most {furthest:.0e} from the first"
    print(f"2. OpenAI's client: {same}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Embedder(options.model) as embedder,
        Index(Path(folder) / "index", embedder=embedder) as index,
    ):
        if options.folder:
            report = index.sync(options.folder)
        else:
            report = index.add(Document(name, text) for name, text in TEXTS.items())
        print(f"3. Chunked and indexed: {report.added} documents, {report.chunks} chunks")
        hits = index.search(options.question, k=3)
        print(f"4. Found: {', '.join(f'{hit.document_id} ({hit.score:.2f})' for hit in hits)}")
        print(f"5. Prompt for a chat model:\n\n{build_context(hits, options.question)}")


if __name__ == "__main__":
    main()
