"""Measure search quality on judged queries, and tune the search settings."""
