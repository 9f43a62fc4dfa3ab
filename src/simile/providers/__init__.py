"""Somebody else's engine, over HTTP: texts to vectors, conversations to answers; and fake ones.

Knows wire formats, retries and time; does not know local models, threads of the engine or stores.
"""
