"""Verbs that measure search on judged queries and tune its weights."""
