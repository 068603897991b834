"""Prints golden-chunks.h: chunks as libhdf5 and its plugins store them.

    /usr/bin/python3 make_golden_chunks.py > golden-chunks.h
    build/venv/bin/python make_golden_chunks.py --newer > golden-chunks-newer.h

Needs h5py, hdf5plugin (Debian's has no plugin for Zstandard itself, 32015) and numpy; those that are newer need
hdf5plugin 7.  Element i is (7 * i * i + i) >> 3, cut to the element's size, little-endian.
"""
import io
import sys

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


def blosc2(codec, stage, block_bytes=0):
    """By number: hdf5plugin sets no sizes of blocks."""
    return dict(compression=32026, compression_opts=(0, block_bytes, 0, 0, 5, stage, codec))


# Name, bytes, shape of the chunk, filters.
NEWER_CASES = [
    *((f"blosc2, codec {codec}, filter {stage}", size, (COUNT,), blosc2(codec, stage))
      for codec, stage, size in [(0, 0, 1), (0, 1, 4), (1, 2, 2), (2, 1, 8), (4, 1, 4), (5, 2, 8), (1, 3, 4), (0, 3, 1),
                                 (5, 3, 8)]),
    *((f"blosc2, codec {codec}, blocks", size, (COUNT,), blosc2(codec, 1, 256))
      for codec, size in [(0, 8), (1, 2), (4, 4), (5, 8)]),
    ("blosc2, delta in blocks", 4, (COUNT,), blosc2(1, 3, 256)),
    *((f"blosc2, {'x'.join(map(str, shape))}", 4, shape, blosc2(1, 1, block_bytes))
      for shape, block_bytes in [((9, 37), 0), ((9, 37), 64), ((3, 3, 37), 64), ((3, 37, 3), 128), ((1, 333), 64)]),
    ("blosc2, 9x37, bit shuffle", 2, (9, 37), blosc2(5, 2, 64)),
    ("blosc2 behind shuffle", 4, (COUNT,), dict(shuffle=True, **blosc2(0, 0))),
    ("zfp, reversible", 4, (COUNT,), hdf5plugin.Zfp(reversible=True)),
    ("zfp, reversible, 9x37", 8, (9, 37), hdf5plugin.Zfp(reversible=True)),
    ("zfp, reversible, 3x3x37", 4, (3, 3, 37), hdf5plugin.Zfp(reversible=True)),
    ("fcidecomp", 2, (9, 37), hdf5plugin.FciDecomp()),
] if "--newer" in sys.argv else []


def filters_of(dataset):
    plist = dataset.id.get_create_plist()
    for i in range(plist.get_nfilters()):
        number, flags, parameters, _ = plist.get_filter(i)
        yield f"{{{number}, {flags}, \"\", {{{', '.join(str(p) for p in parameters)}}}}}"


def print_chunk(name, size, shape, options):
    index = numpy.arange(COUNT, dtype="u8")
    sign = "i" if 32013 in options.values() else "u"
    data = ((7 * index * index + index) >> 3).astype(f"<{sign}{size}").reshape(shape)
    with h5py.File(io.BytesIO(), "w") as file:
        try:
            dataset = file.create_dataset("x", data=data, chunks=shape, **options)
        except Exception as error:
            raise SystemExit(f"{name}: {error}")
        assert (dataset[...] == data).all()
        mask, stored = dataset.id.read_direct_chunk((0,) * len(shape))
        print(f"    {{\"{name}\", {size}, {{{', '.join(filters_of(dataset))}}}, {mask},")
        text = bytes(stored).hex()
        lines = [f'     "{text[i:i + 100]}"' for i in range(0, len(text), 100)]
        print("\n".join(lines) + "},")


print("// Written by make_golden_chunks.py, which says what the elements are.  Do not edit.")
print("#pragma once\n")
if NEWER_CASES:
    print("#include \"golden-chunks.h\"\n\nnamespace h5cap {\n")
    print("inline const std::vector<GoldenChunk> NEWER_GOLDEN_CHUNKS = {")
    for case in NEWER_CASES:
        print_chunk(*case)
else:
    print("#include <string_view>\n#include <vector>\n\n#include \"h5cap/node.h\"\n\nnamespace h5cap {\n")
    print("struct GoldenChunk {\n  const char* name;\n  std::size_t elementBytes;\n  std::vector<Filter> filters;")
    print("  std::uint32_t filterMask;\n  std::string_view hex;\n};\n")
    print(f"inline constexpr std::size_t GOLDEN_COUNT = {COUNT};\n")
    print("inline const std::vector<GoldenChunk> GOLDEN_CHUNKS = {")
    for name, size, options in CASES:
        print_chunk(name, size, (COUNT,), options)
print("};\n\n}  // namespace h5cap")
