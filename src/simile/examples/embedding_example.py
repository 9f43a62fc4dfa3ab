"""Embed a text with a running server, and optionally compare it with another.

Uses only the HTTP API, so it works with Ollama too.
"""

import argparse
import math
import sys

import httpx2


def embed(host: str, model: str, texts: list[str]) -> list[list[float]]:
    """POST /api/embed; one vector per text."""
    response = httpx2.post(
        f"{host.rstrip('/')}/api/embed", json={"model": model, "input": texts}, timeout=120
    )
    if response.is_error:
        sys.exit(f"{host} answered {response.status_code}: {response.text}")
    vectors: list[list[float]] = response.json()["embeddings"]
    return vectors


def norm(vector: list[float]) -> float:
    """Return the length of a vector."""
    return math.sqrt(sum(x * x for x in vector))


def main() -> None:
    """Parse the command line, request the vectors and print them."""
    parser = argparse.ArgumentParser(description="Embed a text over HTTP.")
    parser.add_argument("--text", required=True, help="the text to embed")
    parser.add_argument("--compare", help="another text; prints the cosine similarity")
    parser.add_argument("--model", default="all-minilm")
    parser.add_argument("--host", default="http://127.0.0.1:11434", help="URL of the server")
    options = parser.parse_args()
    host = options.host if "://" in options.host else f"http://{options.host}"
    texts = [text for text in (options.text, options.compare) if text is not None]
    try:
        vectors = embed(host, options.model, texts)
    except httpx2.TransportError as exc:
        sys.exit(f"cannot reach a server at {host} ({exc}); start one with: simile serve")
    first = vectors[0]
    print(f"model:      {options.model}")
    print(f"dimension:  {len(first)}")
    print(f"first five: {', '.join(f'{x:.6f}' for x in first[:5])}")
    print(f"norm:       {norm(first):.6f}")
    if options.compare is not None:
        dot = sum(x * y for x, y in zip(first, vectors[1], strict=True))
        print(f"similarity: {dot / (norm(first) * norm(vectors[1])):.6f}")


if __name__ == "__main__":
    main()
