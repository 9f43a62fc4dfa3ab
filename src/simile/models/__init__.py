"""What the numbers are: from a model's name and files to a graph, a tokenizer and their facts."""
