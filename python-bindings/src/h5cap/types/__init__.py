"""HDF5's types as NumPy's: dtypes, elements made of packed bytes, their conversion."""
