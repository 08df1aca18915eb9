"""The panel to begin with."""
