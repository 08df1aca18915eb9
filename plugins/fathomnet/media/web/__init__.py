"""Images from their URLs."""
