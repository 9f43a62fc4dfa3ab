"""Verbs over texts as they are typed: embed, compare, rerank."""
