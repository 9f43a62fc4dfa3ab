"""Index files and find passages: sync, search, fusion, filters."""
