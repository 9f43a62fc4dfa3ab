"""Architectures, one a file: a checkpoint's tensors to a graph of one vector per token."""
