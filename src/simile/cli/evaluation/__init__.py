"""Verbs that measure search by judged queries, and choose its weight."""
