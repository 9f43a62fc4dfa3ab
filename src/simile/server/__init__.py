"""The wire: HTTP requests of Ollama and OpenAI clients to the engine, and its answers back."""
