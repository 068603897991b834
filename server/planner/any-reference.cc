#include "server/planner/any-reference.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <cstring>

#include "core/wire.h"
#include "server/planner/dataspace.h"
#include "server/planner/handle.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t LONGEST_OLDER_TOKEN = 12;
constexpr std::size_t KIND_BYTES = 4;

[[noreturn]] void notAToken() { throw BadType("a reference that this server did not make"); }

std::span<const std::byte> take(std::span<const std::byte>& from, std::size_t count) {
  if (count > from.size()) notAToken();
  auto taken = from.first(count);
  from = from.subspan(count);
  return taken;
}

template <class Number>
Number takeNumber(std::span<const std::byte>& from) {
  Number number = 0;
  auto bytes = take(from, sizeof number);
  for (std::size_t i = sizeof number; i > 0; --i) {
    number = static_cast<Number>(std::uint64_t{number} << 8 | std::to_integer<std::uint64_t>(bytes[i - 1]));
  }
  return number;
}

std::string takeText(std::span<const std::byte>& from) {
  auto bytes = take(from, takeNumber<std::uint32_t>(from));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Hyperslab readRegion(std::span<const std::byte> bytes) {
  if (bytes.size() % sizeof(capnp::word) != 0) notAToken();
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.data(), bytes.size());
  try {
    capnp::FlatArrayMessageReader reader(words);
    return wire::read(reader.getRoot<rpc::HyperslabSelection>());
  } catch (const kj::Exception&) {
    notAToken();
  }
}

#if H5_VERSION_GE(1, 12, 0)

template <class Number>
void addNumber(Bytes& to, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) to.push_back(static_cast<std::byte>(number >> (8 * i)));
}

void addText(Bytes& to, const std::string& text) {
  addNumber(to, static_cast<std::uint32_t>(text.size()));
  for (char c : text) to.push_back(static_cast<std::byte>(c));
}

Bytes tokenFrom(const ReferenceToken& parts) {
  Bytes token{static_cast<std::byte>(parts.kind)};
  token.resize(KIND_BYTES);
  addText(token, parts.attribute);
  addNumber(token, parts.address);
  addText(token, parts.file);
  if (parts.region) {
    capnp::MallocMessageBuilder message;
    wire::write(*parts.region, message.initRoot<rpc::HyperslabSelection>());
    const auto words = capnp::messageToFlatArray(message);
    const auto bytes = std::as_bytes(std::span(words.asBytes().begin(), words.asBytes().size()));
    token.insert(token.end(), bytes.begin(), bytes.end());
  }
  return token;
}

template <class Get>
std::string nameBy(Get get, const char* doing) {
  const ssize_t size = check(get(nullptr, std::size_t{0}), doing);
  std::string name(static_cast<std::size_t>(size) + 1, '\0');
  check(get(name.data(), name.size()), doing);
  name.resize(static_cast<std::size_t>(size));
  return name;
}

// No object's address when there is none any more.
std::uint64_t addressOf(H5R_ref_t* reference) {
  Handle object(H5Ropen_object(reference, H5P_DEFAULT, H5P_DEFAULT));
  H5O_info_t info;
  if (!object || H5Oget_info2(object.get(), &info, H5O_INFO_BASIC) < 0) return HADDR_UNDEF;
  return info.addr;
}

// Nothing when the dataset is not there any more, or is selected from in a way that is not served.
std::optional<Hyperslab> regionOf(H5R_ref_t* reference) {
  Handle space(H5Ropen_region(reference, H5P_DEFAULT, H5P_DEFAULT));
  if (!space) return std::nullopt;
  try {
    return readSelection(space.get());
  } catch (const Error&) {
    return std::nullopt;
  }
}

#endif

}  // namespace

bool isReferenceToken(std::span<const std::byte> token) { return token.size() > LONGEST_OLDER_TOKEN; }

ReferenceToken readToken(std::span<const std::byte> token) {
  ReferenceToken parts;
  parts.kind = static_cast<ReferenceToken::Kind>(take(token, KIND_BYTES)[0]);
  if (parts.kind < ReferenceToken::Kind::object || parts.kind > ReferenceToken::Kind::attribute) notAToken();
  parts.attribute = takeText(token);
  parts.address = takeNumber<std::uint64_t>(token);
  parts.file = takeText(token);
  if (!token.empty()) parts.region = readRegion(token);
  return parts;
}

#if H5_VERSION_GE(1, 12, 0)

Bytes tokenOf(const std::byte* memory) {
  H5R_ref_t reference;
  std::memcpy(&reference, memory, sizeof reference);
  const H5R_type_t type = H5Rget_type(&reference);
  if (type != H5R_OBJECT2 && type != H5R_DATASET_REGION2 && type != H5R_ATTR) return {};  // null: all of it is zeros
  ReferenceToken parts;
  std::string file = nameBy([&](char* to, std::size_t size) { return H5Rget_file_name(&reference, to, size); },
                            "read the file's name of a reference");
  const bool isHere = file == OpenFile::NAME;
  if (!isHere) parts.file = std::move(file);
  parts.address = isHere ? addressOf(&reference) : HADDR_UNDEF;
  if (type == H5R_DATASET_REGION2) {
    parts.kind = ReferenceToken::Kind::region;
    if (isHere) parts.region = regionOf(&reference);
  } else if (type == H5R_ATTR) {
    parts.kind = ReferenceToken::Kind::attribute;
    parts.attribute = nameBy([&](char* to, std::size_t size) { return H5Rget_attr_name(&reference, to, size); },
                             "read the attribute's name of a reference");
  }
  return tokenFrom(parts);
}

#else

Bytes tokenOf(const std::byte*) { throw Unimplemented("references of HDF5 1.12 with an older libhdf5"); }

#endif

}  // namespace h5cap::hdf5
