"""The parts of an embedding model: which are known, where weights are, device, pixels, loading."""
