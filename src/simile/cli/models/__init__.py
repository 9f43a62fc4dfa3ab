"""Verbs that manage models: pull, list, show, remove, quantize."""
