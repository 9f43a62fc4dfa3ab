"""Verbs for many texts at once: cluster, deduplicate, classify, map."""
