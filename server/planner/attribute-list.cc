#include "server/planner/attribute-list.h"

#include <algorithm>
#include <new>
#include <optional>

#include "core/checked-size.h"
#include "server/planner/dataspace.h"
#include "server/planner/handle.h"
#include "server/planner/newer-attributes.h"
#include "server/planner/newer-format.h"
#include "server/planner/open-file.h"
#include "server/planner/packer.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

namespace {

AttributeName nameOf(const char* name, const H5A_info_t& info) {
  return {name, info.cset == H5T_CSET_UTF8 ? CharacterSet::utf8 : CharacterSet::ascii,
          info.corder_valid ? static_cast<std::int64_t>(info.corder) : -1};
}

herr_t collect(hid_t, const char* name, const H5A_info_t* info, void* names) {
  static_cast<std::vector<AttributeName>*>(names)->push_back(nameOf(name, *info));
  return 0;
}

// Elements in libhdf5's memory layout; frees their variable-length data when it goes.
class AttributeMemory {
 public:
  AttributeMemory(hid_t attribute, hid_t type, hid_t space, const MappedType& mapped, std::uint64_t count)
      : type_(type), space_(space), reclaims_(mapped.type.hasVariable()), bytes_(mapped.layout->memoryBytes * count) {
    check(H5Aread(attribute, type, bytes_.data()), "read the attribute");
  }
  ~AttributeMemory() {
    if (reclaims_) H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, bytes_.data());
  }
  AttributeMemory(const AttributeMemory&) = delete;
  AttributeMemory& operator=(const AttributeMemory&) = delete;

  const std::byte* data() const { return bytes_.data(); }

 private:
  hid_t type_, space_;
  bool reclaims_;
  Bytes bytes_;
};

// Nothing of what is larger.
std::optional<PackedData> tryPack(const MemoryLayout& layout, const std::byte* memory, std::size_t count,
                                  std::size_t maxBytes) {
  try {
    return pack(layout, memory, count, maxBytes);
  } catch (const FileError& problem) {
    if (problem.code() != ErrorCode::tooLarge) throw;
    return std::nullopt;
  }
}

void readValue(hid_t attribute, std::size_t maxBytes, Attribute& result) {
  Handle type = own(H5Aget_type(attribute), "read the attribute's datatype");
  Handle space = own(H5Aget_space(attribute), "read the attribute's shape");
  MappedType mapped = mapType(type.get());
  result.type = mapped.type;
  result.space = readSpace(space.get());
  std::string unsupported = mapped.type.unsupportedReason();
  if (!unsupported.empty()) throw Unimplemented(unsupported);
  std::uint64_t count = elementsIn(result.space);
  std::size_t largest = std::max<std::size_t>({mapped.layout->memoryBytes, mapped.layout->packedBytes, 1});
  if (count > maxBytes / largest) {
    result.value = Attribute::Omitted{(CheckedSize(count) * mapped.type.size()).orUnlimited()};
    return;
  }
  PackedData packed;
  if (count > 0) {
    AttributeMemory memory(attribute, type.get(), space.get(), mapped, count);
    const std::size_t most = std::max(maxBytes, MAX_VALUE_BYTES);
    auto fitting = tryPack(*mapped.layout, memory.data(), count, most);
    if (!fitting) {
      result.value = Attribute::Omitted{most + 1};
      return;
    }
    packed = std::move(*fitting);
  }
  std::size_t bytes = packed.elements.size() + packed.heap.size();
  if (bytes > maxBytes) {
    result.value = Attribute::Omitted{bytes};
  } else {
    result.value = Attribute::Value{std::move(packed.elements), std::move(packed.heap)};
  }
}

void unlessTooNew(ObjectId id, const std::string& name) {
  for (const NewerAttribute& newer : newerAttributes(id)) {
    if (newer.name != name) continue;
    throw FileError("its datatype is of version " + std::to_string(newer.datatypeVersion) +
                    "; it needs a newer HDF5 than this server's libhdf5 " + libraryVersion());
  }
}

std::vector<AttributeName> newerNames(ObjectId id) {
  std::vector<AttributeName> names;
  for (const NewerAttribute& newer : newerAttributes(id)) names.push_back({newer.name, newer.characterSet, -1});
  return names;
}

// Of attributes in a heap of their own, without those that libhdf5 cannot read: it walks over them one by one, and says
// no name of the one that it stops at.  Throws as it does when it does not get that far.
std::vector<AttributeName> readableNames(hid_t object) {
  H5O_info_t info;
  check(H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS), "count the attributes");
  std::vector<AttributeName> names;
  for (hsize_t skipped = 0; names.size() + skipped < info.num_attrs; ++skipped) {
    hsize_t position = names.size() + skipped;
    const herr_t done = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &position, collect, &names);
    if (done >= 0) break;
    if (names.empty() && skipped + 1 >= info.num_attrs) throwHdf5Error("list the attributes");
  }
  return names;
}

}  // namespace

std::vector<AttributeName> attributeNames(hid_t object, ObjectId id) {
  std::vector<AttributeName> names;
  hsize_t position = 0;
  if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names) < 0) {
    if (KNOWS_ALL_DATATYPES) throwHdf5Error("list the attributes");
    names = readableNames(object);
  }
  for (AttributeName& newer : newerNames(id)) names.push_back(std::move(newer));
  std::sort(names.begin(), names.end(), [](const AttributeName& a, const AttributeName& b) { return a.name < b.name; });
  return names;
}

Attribute listAttribute(hid_t object, ObjectId id, const AttributeName& name, std::size_t maxBytes) {
  Attribute result;
  result.name = name.name;
  result.characterSet = name.characterSet;
  result.creationOrder = name.creationOrder;
  try {
    unlessTooNew(id, name.name);
    Handle attribute = own(H5Aopen(object, name.name.c_str(), H5P_DEFAULT), "open the attribute");
    readValue(attribute.get(), maxBytes, result);
  } catch (const Error& error) {
    result.value = ErrorText{error.code(), "attribute " + name.name + ": " + error.what()};
  } catch (const std::bad_alloc&) {
    result.value = ErrorText{ErrorCode::tooLarge, "attribute " + name.name + " does not fit into the planner's memory"};
  }
  return result;
}

Attribute readAttribute(hid_t object, ObjectId id, const std::string& name, std::size_t maxBytes) {
  for (const AttributeName& newer : newerNames(id)) {
    if (newer.name == name) return listAttribute(object, id, newer);
  }
  if (check(H5Aexists(object, name.c_str()), "look for the attribute") == 0) {
    throw NotFound("no attribute " + name);
  }
  Handle attribute = own(H5Aopen(object, name.c_str(), H5P_DEFAULT), "open the attribute");
  H5A_info_t info;
  check(H5Aget_info(attribute.get(), &info), "look at the attribute");
  attribute = Handle();
  Attribute result = listAttribute(object, id, nameOf(name.c_str(), info), maxBytes);
  if (const auto* omitted = std::get_if<Attribute::Omitted>(&result.value)) {
    throw FileError("attribute " + name + " has " + std::to_string(omitted->bytes) + " bytes; the limit is " +
                        std::to_string(maxBytes),
                    ErrorCode::tooLarge);
  }
  return result;
}

}  // namespace h5cap::hdf5
