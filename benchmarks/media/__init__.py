"""Moving images from an HTTP origin into a bucket or a folder, beside two other ways to do it."""
