"""From a question to passages: sync, search, fusion, filters."""
