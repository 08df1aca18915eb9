"""Demo data: an underwater-looking set in the official schema, drawn without a network."""
