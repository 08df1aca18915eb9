"""Reads and writes the files of a prediction run: its rows and its manifest."""
