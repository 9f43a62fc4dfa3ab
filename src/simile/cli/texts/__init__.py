"""Verbs for texts given directly: embed, compare, rerank."""
