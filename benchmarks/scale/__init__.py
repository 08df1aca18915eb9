"""The whole pipeline at one, ten and a hundred times the real size."""
