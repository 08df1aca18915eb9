"""The panel of an evaluation: scores at every rank, and what is confused."""
