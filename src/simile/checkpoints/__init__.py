"""Read a checkpoint's files: configuration, tensors and tokenizer, as they lie on disk.

Knows no network, no graph and no thread.
"""
