"""The files of a prediction run: its manifest, its rows, and how they are written."""
