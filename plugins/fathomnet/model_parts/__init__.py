"""The parts of an embedding model: known models, weights, devices, pixels and loading."""
