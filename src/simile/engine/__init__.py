"""How fast the numbers come: compiling, batching, scheduling, and which models stay loaded."""
