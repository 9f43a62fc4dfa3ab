"""Is it any good: judged queries to numbers, and to the setting that suits them."""
