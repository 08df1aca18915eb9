"""The FathomNet 2025 winning classifier: from its published checkpoint to predictions."""
