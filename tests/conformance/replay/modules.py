"""h5py's test modules: those whose reads are recorded, and why the others are not."""

APPLICABLE = [
    "test_attribute_create", "test_attrs", "test_attrs_data", "test_base", "test_big_endian_file", "test_completions",
    "test_dataset", "test_dataset_getitem", "test_dataset_swmr", "test_datatype", "test_dimension_scales",
    "test_dims_dimensionproxy", "test_dtype", "test_errors", "test_file", "test_file2",
    "test_file_image", "test_filters", "test_group", "test_h5d_direct_chunk", "test_h5f", "test_h5o", "test_h5p",
    "test_h5t",
    "test_native_complex", "test_npystrings", "test_objects", "test_selections", "test_slicing", "test_vds",
]

NOT_APPLICABLE = {
    "test_file_alignment": "where datasets begin in the file, asked thousands of times of h5py's low-level identifiers",
    "test_h5": "h5py's own configuration and version: nothing is read from a file",
    "test_h5pl": "search paths of the filters' plugins in the local process: nothing is read from a file",
    "test_h5s": "dataspaces in memory: nothing is read from a file",
    "test_h5z": "registration of filters in the local process: nothing is read from a file",
    "test_ros3": "h5py's driver for objects in S3, which needs the network",
}
