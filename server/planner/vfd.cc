#include "server/planner/vfd.h"

#include <H5FDpublic.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "core/read-range.h"

namespace h5cap::hdf5 {

namespace {

int lentDescriptor = -1;
Recording* activeRecording = nullptr;
std::map<haddr_t, Bytes> overlaid;

struct DriverFile {
  H5FD_t publicPart;  // libhdf5's, first
  int descriptor;
  haddr_t endOfAllocation;
};

DriverFile& cast(H5FD_t* file) { return *reinterpret_cast<DriverFile*>(file); }
const DriverFile& cast(const H5FD_t* file) { return *reinterpret_cast<const DriverFile*>(file); }

herr_t fail(const char* function, const std::string& reason) {
  H5Epush2(H5E_DEFAULT, __FILE__, function, __LINE__, H5E_ERR_CLS, H5E_VFL, H5E_READERROR, "%s", reason.c_str());
  return -1;
}

H5FD_t* open(const char*, unsigned flags, hid_t, haddr_t) {
  int descriptor = std::exchange(lentDescriptor, -1);
  if (descriptor < 0 || (flags & (H5F_ACC_RDWR | H5F_ACC_TRUNC | H5F_ACC_CREAT)) != 0) {
    fail("open", "a planner opens no further file");
    return nullptr;
  }
  auto* file = new DriverFile{};
  file->descriptor = descriptor;
  return &file->publicPart;
}

herr_t close(H5FD_t* file) {
  delete &cast(file);  // the descriptor belongs to the process
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) { return a < b ? -1 : a > b ? 1 : 0; }

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_ACCUMULATE_METADATA_READ | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_SUPPORTS_SWMR_IO;
  return 0;
}

haddr_t endOfAllocation(const H5FD_t* file, H5FD_mem_t) { return cast(file).endOfAllocation; }

herr_t setEndOfAllocation(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  cast(file).endOfAllocation = address;
  return 0;
}

// lseek, because fstat is not among the calls that the sandbox lets through; everything else uses pread.
haddr_t endOfFile(const H5FD_t* file, H5FD_mem_t) {
  off_t end = lseek(cast(file).descriptor, 0, SEEK_END);
  return end < 0 ? HADDR_UNDEF : static_cast<haddr_t>(end);
}

herr_t read(H5FD_t* file, H5FD_mem_t type, hid_t, haddr_t address, size_t size, void* buffer) {
  if (activeRecording != nullptr && type == H5FD_MEM_DRAW) {
    activeRecording->note(address, size);
    return 0;
  }
  const auto got = readRange(cast(file).descriptor, address, std::span(static_cast<std::byte*>(buffer), size));
  if (!got) return fail("read", std::string("reading the file failed: ") + std::strerror(errno));
  if (*got < size) return fail("read", "the file ends before byte " + std::to_string(address + size));
  auto next = overlaid.upper_bound(address);
  if (next != overlaid.begin()) --next;  // it may reach into what is read
  for (; next != overlaid.end() && next->first < address + size; ++next) {
    const auto& [at, bytes] = *next;
    const haddr_t first = std::max(at, address), end = std::min<haddr_t>(at + bytes.size(), address + size);
    if (first < end) std::memcpy(static_cast<std::byte*>(buffer) + (first - address), &bytes[first - at], end - first);
  }
  return 0;
}

herr_t write(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, size_t, const void*) {
  return fail("write", "a planner writes nothing");
}

H5FD_class_t driverClass() {
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION  // since 1.14
  driver.version = H5FD_CLASS_VERSION;
  driver.value = 513;  // any above 255: those below are HDF5's own
#endif
  driver.name = "h5cap-descriptor";
  driver.maxaddr = (haddr_t{1} << 63) - 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.open = open;
  driver.close = close;
  driver.cmp = compare;
  driver.query = query;
  driver.get_eoa = endOfAllocation;
  driver.set_eoa = setEndOfAllocation;
  driver.get_eof = endOfFile;
  driver.read = read;
  driver.write = write;
  // No lock and unlock: without them libhdf5 neither locks nor minds a writer that left its mark.
  const H5FD_mem_t freeLists[] = H5FD_FLMAP_DICHOTOMY;
  std::memcpy(driver.fl_map, freeLists, sizeof freeLists);
  return driver;
}

}  // namespace

hid_t descriptorDriver() {
  static const H5FD_class_t driver = driverClass();
  static const hid_t id = H5FDregister(&driver);
  return id;
}

void lendDescriptor(int descriptor) { lentDescriptor = descriptor; }

void overlay(std::uint64_t address, Bytes bytes) { overlaid[address] = std::move(bytes); }

Recording::Recording() { activeRecording = this; }
Recording::~Recording() { activeRecording = nullptr; }

}  // namespace h5cap::hdf5
