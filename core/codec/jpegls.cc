// The registered filters 32012 (JPEG-LS) and 32018 (FCIDECOMP, of EUMETSAT).  A chunk is one JPEG-LS stream, which
// knows its size.  With three parameters, columns, rows and bytes of a pixel, 32012 has several: as many as rows, at
// most 24, with 4 bytes, little-endian, of the size of each before all of them.
#include "core/codec/stages.h"
#include "h5cap/error.h"

#ifdef H5CAP_HAS_CHARLS
#include <charls/charls.h>

#include <algorithm>
#include <memory>

#include "core/codec/codec.h"
#endif

namespace h5cap::codec {

#ifdef H5CAP_HAS_CHARLS

namespace {

constexpr std::size_t LEGACY_PARAMETERS = 3, ROWS_AT = 1, MAX_LEGACY_STREAMS = 24;

void check(charls_jpegls_errc code) {
  if (code != charls::jpegls_errc::success) corrupt("jpeg-ls", charls_get_error_message(code));
}

void appendStream(Input stored, std::size_t maxBytes, Bytes& to) {
  if (stored.empty()) corrupt("jpeg-ls", "truncated");
  struct Destroy {
    void operator()(charls_jpegls_decoder* decoder) const { charls_jpegls_decoder_destroy(decoder); }
  };
  std::unique_ptr<charls_jpegls_decoder, Destroy> decoder(charls_jpegls_decoder_create());
  if (!decoder) throw std::bad_alloc();
  check(charls_jpegls_decoder_set_source_buffer(decoder.get(), stored.data(), stored.size()));
  check(charls_jpegls_decoder_read_header(decoder.get()));
  std::size_t bytes = 0;
  check(charls_jpegls_decoder_get_destination_size(decoder.get(), 0, &bytes));
  if (bytes > maxBytes - to.size()) corrupt("jpeg-ls", "more data than the chunk holds");
  const std::size_t before = to.size();
  to.resize(before + bytes);
  check(charls_jpegls_decoder_decode_to_buffer(decoder.get(), to.data() + before, bytes, 0));
}

Bytes decodeSlices(std::size_t rows, Input stored, std::size_t maxBytes) {
  const std::size_t count = std::min(rows, MAX_LEGACY_STREAMS);
  if (stored.size() < count * sizeof(std::uint32_t)) corrupt("jpeg-ls", "truncated");
  Input rest = stored.subspan(count * sizeof(std::uint32_t));
  Bytes result;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = __builtin_bswap32(bigEndian32(stored, i * sizeof(std::uint32_t)));
    if (size > rest.size()) corrupt("jpeg-ls", "truncated");
    appendStream(rest.first(size), maxBytes, result);
    rest = rest.subspan(size);
  }
  return result;
}

}  // namespace

Bytes decodeJpegLs(const Filter& filter, Input stored, std::size_t maxBytes) {
  if (filter.id == filter::jpegls && filter.parameters.size() == LEGACY_PARAMETERS)
    return decodeSlices(filter.parameters[ROWS_AT], stored, maxBytes);
  Bytes result;
  appendStream(stored, maxBytes, result);
  return result;
}

#else

Bytes decodeJpegLs(const Filter&, Input, std::size_t) {
  throw FileError("this server was built without CharLS", ErrorCode::missingFilter);
}

#endif

}  // namespace h5cap::codec
