"""GGUF files: one file that holds a checkpoint's configuration, vocabulary and weights."""
