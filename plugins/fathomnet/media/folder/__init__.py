"""A folder as a store of media."""
