#!/bin/sh
# Installs the client into a temporary prefix, builds the project beside this script against it, and runs it; with
# H5CAP_TEST_URL (a file's address) and H5CAP_TEST_DATASET it also reads from that server.
# Usage: outside-project-test.sh CMAKE BUILD-FOLDER OUTSIDE-PROJECT
set -eu
cmake=$1 build=$2 outside=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$cmake" --install "$build" --component client --prefix "$scratch/prefix"
"$cmake" -S "$outside" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_BUILD_TYPE=Debug
"$cmake" --build "$scratch/build"
"$scratch/build/outside" ${H5CAP_TEST_URL:+"$H5CAP_TEST_URL" "$H5CAP_TEST_DATASET"}

# The client needs no HDF5, and installed headers none of Cap'n Proto's.
if ldd "$scratch/build/outside" | grep -q libhdf5; then
  echo "the client links libhdf5" >&2
  exit 1
fi
if grep -rlE '#include [<"](capnp|kj)/' "$scratch/prefix/include"; then
  echo "an installed header includes Cap'n Proto" >&2
  exit 1
fi
