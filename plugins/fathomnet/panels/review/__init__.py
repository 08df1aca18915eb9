"""The panel in which an annotator works through labels."""
