"""Verbs that look after models: pull, list, show, remove, quantize."""
