"""The demo's own CLIP: what it is trained on, in pictures and in words, and how."""
