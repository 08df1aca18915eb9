"""Turns boxes into vectors: pictures decoded once, patches cut from them, batches across images."""
