"""Many images at once from their source to a store, each tried until it is settled."""
