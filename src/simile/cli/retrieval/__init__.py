"""Verbs over an index: fill it, search it, ask it, look after it."""
