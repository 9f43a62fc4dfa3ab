"""Reranking, as Cohere's, Jina's and TEI's clients ask for it."""
