"""From boxes to vectors: pictures decoded once, patches cut from them, batches across images."""
