// Conversion of packed elements from one type to another, by HDF5's rules: numbers saturate at the target's limits and
// truncate towards zero; booleans and enumerations are their integers where the target is a number.
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include "h5cap/data-type.h"
#include "h5cap/node.h"

namespace h5cap {

// To the numbers of this machine: To is bool, float, double or one of the fixed-width integers.  NaN becomes the
// integer zero.  Throws BadType, naming both types, when the elements are no numbers.
template <class To>
void toNumbers(const DataType& type, const std::byte* elements, std::size_t count, To* target);

// To complex numbers, Part being float or double: HDF5's own, compounds of two floats r and i as h5py writes them, and
// numbers, whose imaginary part is zero.  Throws BadType, naming both types, for anything else.
template <class Part>
void toComplex(const DataType& type, const std::byte* elements, std::size_t count, std::complex<Part>* target);

// Whether packed elements of both types are the same bytes.  Committed or not makes no difference.
bool sameElements(const DataType& a, const DataType& b);

// To packed elements of another type: numbers to numbers, of complex ones the real part; complex numbers to complex
// numbers, and from and to what HDF5 takes for such; enumerations to numbers, or by their members' names to
// enumerations; fixed strings to fixed strings of the same character set.  Throws BadType, naming both types, for
// anything else, as HDF5 does except for compounds, arrays and variable-length data.
Bytes convertElements(const DataType& from, Bytes elements, const DataType& to);

}  // namespace h5cap
