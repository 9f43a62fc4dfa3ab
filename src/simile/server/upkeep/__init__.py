"""Health check and metrics for operators."""
