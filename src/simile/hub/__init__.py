"""Find the files of a model by its name, and pull them where they are not here yet.

Knows no tensors and no graph.
"""
