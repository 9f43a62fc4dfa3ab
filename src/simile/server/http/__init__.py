"""HTTP below the protocols: connections, bodies, keys, limits, logs."""
