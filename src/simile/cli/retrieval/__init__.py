"""Verbs for an index: fill, search, ask and maintain it."""
