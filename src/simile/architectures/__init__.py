"""Build the graph of an architecture from a checkpoint's tensors: one file per `model_type`.

Knows no file names and no threads.
"""
