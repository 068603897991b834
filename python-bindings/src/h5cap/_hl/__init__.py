"""The floor with h5py's nouns, over the low-level modules: files, groups, datasets, attributes, and sessions to find
them."""
