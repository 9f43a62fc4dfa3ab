"""One model: its description, its tokenizer, and its encoder, cross-encoder or static table."""
