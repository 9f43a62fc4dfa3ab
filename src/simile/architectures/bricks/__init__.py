"""The parts that architectures share: attention, norms, rotary positions, pooling."""
