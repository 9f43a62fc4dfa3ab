"""Somebody else's engine: texts to vectors over HTTP, and a fake one for tests and demos.

Knows wire formats, retries and time; does not know local models, threads of the engine or stores.
"""
