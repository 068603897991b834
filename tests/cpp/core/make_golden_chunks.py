"""Prints golden-chunks.h: chunks as libhdf5 and its plugins store them.

    /usr/bin/python3 make_golden_chunks.py > golden-chunks.h

Needs h5py, hdf5plugin (Debian's has no plugin for Zstandard itself, 32015) and numpy.  Element i is (7 * i * i + i) >>
3, cut to the element's size, little-endian.
"""
import io

import h5py
import hdf5plugin
import numpy

COUNT = 333  # not a multiple of eight: bitshuffle leaves five elements raw

CASES = [
    ("gzip", 4, dict(compression="gzip")),
    ("shuffle, gzip", 4, dict(compression="gzip", shuffle=True)),
    ("shuffle, gzip, fletcher32", 2, dict(compression="gzip", shuffle=True, fletcher32=True)),
    ("fletcher32, odd length", 1, dict(fletcher32=True)),
    ("lzf", 4, dict(compression="lzf")),
    ("shuffle, lzf", 8, dict(compression="lzf", shuffle=True)),
    ("lz4", 4, hdf5plugin.LZ4()),
    ("lz4, several blocks", 8, hdf5plugin.LZ4(nbytes=512)),
    ("bitshuffle, no compression", 2, hdf5plugin.Bitshuffle(nelems=64, cname="none")),
    ("bitshuffle, lz4", 1, hdf5plugin.Bitshuffle()),
    ("bitshuffle, lz4", 2, hdf5plugin.Bitshuffle(nelems=64)),
    ("bitshuffle, lz4", 4, hdf5plugin.Bitshuffle(nelems=128)),
    ("bitshuffle, lz4", 8, hdf5plugin.Bitshuffle()),
    ("blosc", 4, hdf5plugin.Blosc()),
    ("blosc, bit shuffle, zlib", 2, hdf5plugin.Blosc(cname="zlib", shuffle=hdf5plugin.Blosc.BITSHUFFLE)),
    ("blosc, zstd", 8, hdf5plugin.Blosc(cname="zstd", clevel=9)),
    ("blosc, blosclz, no shuffle", 1, hdf5plugin.Blosc(cname="blosclz", shuffle=0)),
    ("bzip2", 4, hdf5plugin.BZip2()),
    # Asking for Zstandard, which plugins before 0.4 do not know: they compress nothing.
    ("bitshuffle, 3 before 0.4", 4, dict(compression=32008, compression_opts=(128, 3))),
]


def filters_of(dataset):
    plist = dataset.id.get_create_plist()
    for i in range(plist.get_nfilters()):
        number, flags, parameters, _ = plist.get_filter(i)
        yield f"{{{number}, {flags}, \"\", {{{', '.join(str(p) for p in parameters)}}}}}"


print("// Written by make_golden_chunks.py, which says what the elements are.  Do not edit.")
print("#pragma once\n\n#include <string_view>\n#include <vector>\n\n#include \"h5cap/node.h\"\n")
print("namespace h5cap {\n")
print("struct GoldenChunk {\n  const char* name;\n  std::size_t elementBytes;\n  std::vector<Filter> filters;")
print("  std::uint32_t filterMask;\n  std::string_view hex;\n};\n")
print(f"inline constexpr std::size_t GOLDEN_COUNT = {COUNT};\n")
print("inline const std::vector<GoldenChunk> GOLDEN_CHUNKS = {")
for name, size, options in CASES:
    index = numpy.arange(COUNT, dtype="u8")
    data = ((7 * index * index + index) >> 3).astype(f"<u{size}")
    with h5py.File(io.BytesIO(), "w") as file:
        try:
            dataset = file.create_dataset("x", data=data, chunks=(COUNT,), **options)
        except Exception as error:
            raise SystemExit(f"{name}: {error}")
        assert (dataset[...] == data).all()
        mask, stored = dataset.id.read_direct_chunk((0,))
        print(f"    {{\"{name}\", {size}, {{{', '.join(filters_of(dataset))}}}, {mask},")
        text = bytes(stored).hex()
        lines = [f'     "{text[i:i + 100]}"' for i in range(0, len(text), 100)]
        print("\n".join(lines) + "},")
print("};\n\n}  // namespace h5cap")
