"""Verbs over many texts at once: cluster, deduplicate, classify, draw."""
