"""The panel of the tree of life: counts and accuracy of every taxon."""
