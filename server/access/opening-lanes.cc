#include "server/access/opening-lanes.h"

#include <chrono>
#include <set>

namespace h5cap {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t MOST_BYTES = 1 << 20;  // of places that are known; then all are forgotten
const std::string UNKNOWN = "//unknown";     // no prefix of any place

std::string keyOf(const ExportPath& place) {
  const std::string& exported = place.exported->name;
  std::string key;
  key.reserve(exported.size() + 1 + place.inside.size());
  return key.append(exported).append(1, '\0').append(place.inside);
}

bool isPrefix(const std::string& prefix, const std::string& inside) {
  if (prefix == "." || prefix == inside) return true;
  return inside.size() > prefix.size() && inside[prefix.size()] == '/' && inside.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

struct OpeningLanes::Asking::Place {
  const std::string exported;
  std::string inside;
  steady_clock::time_point since;
};

std::string folderOf(const std::string& inside) {
  const std::size_t slash = inside.rfind('/');
  return slash == std::string::npos ? "." : inside.substr(0, slash);
}

OpeningLanes::Asking::Asking(OpeningLanes& lanes, const ExportPath& place)
    : lanes_(lanes),
      place_(std::make_shared<Place>(Place{place.exported->name, place.inside, steady_clock::now()})) {
  lanes_.known_.lock()->asking.push_back(place_);
}

OpeningLanes::Asking::~Asking() { lanes_.known_.lock()->asking.remove(place_); }

void OpeningLanes::Asking::at(const std::string& inside) {
  auto known = lanes_.known_.lock();
  place_->inside = inside;
  place_->since = steady_clock::now();
}

std::optional<std::uint64_t> OpeningLanes::Known::deviceOf(const ExportPath& place) const {
  const auto found = devices.find(keyOf(place));
  return found == devices.end() ? std::nullopt : std::optional(found->second);
}

void OpeningLanes::Known::set(const ExportPath& place, std::uint64_t device) {
  std::string key = keyOf(place);
  if (const auto found = devices.find(key); found != devices.end()) {
    found->second = device;
    return;
  }
  if (bytes + key.size() > MOST_BYTES) {
    devices.clear();
    bytes = 0;
  }
  bytes += key.size() + sizeof device;
  devices.emplace(std::move(key), device);
}

Lane OpeningLanes::laneOf(const Export& exported, std::uint64_t device) const {
  return lanes_.of({LaneUse::reading, exported.name, device, ""});
}

OpeningLanes::Course OpeningLanes::choose(const ExportPath& place, LaneUse use) const {
  const std::string& exported = place.exported->name;
  if (auto prefix = hung(place)) return {lanes_.of({use, exported, 0, *prefix}), Folder::unknown, *prefix};
  auto known = known_.lock();
  ExportPath folder{place.exported, folderOf(place.inside)};
  auto device = known->deviceOf(place);
  if (!device) device = known->deviceOf(folder);
  if (device) return {lanes_.of({use, exported, *device, ""}), Folder::known, ""};
  while (!device && folder.inside != ".") {
    folder.inside = folderOf(folder.inside);
    device = known->deviceOf(folder);
  }
  return {lanes_.of({use, exported, device.value_or(0), UNKNOWN}), Folder::unknown, ""};
}

std::optional<std::string> OpeningLanes::hung(const ExportPath& place) const {
  auto known = known_.lock();
  if (known->asking.empty()) return std::nullopt;
  const auto latest = steady_clock::now() - lanes_.options().openingTime;
  const std::string folder = folderOf(place.inside);
  std::optional<std::string> shortest;
  std::set<std::string> inFolder;
  for (const auto& one : known->asking) {
    if (one->since > latest || one->exported != place.exported->name) continue;
    if (isPrefix(one->inside, place.inside) && (!shortest || one->inside.size() < shortest->size()))
      shortest = one->inside;
    if (folderOf(one->inside) == folder) inFolder.insert(one->inside);
  }
  if (!shortest && inFolder.size() > 1) return folder;
  return shortest;
}

std::optional<std::uint64_t> OpeningLanes::deviceOf(const ExportPath& place) const {
  return known_.lock()->deviceOf(place);
}

void OpeningLanes::learnFolder(const ExportPath& folder, std::uint64_t device) { known_.lock()->set(folder, device); }

void OpeningLanes::learn(const ExportPath& place, std::uint64_t device) {
  auto known = known_.lock();
  const auto ofFolder = known->deviceOf({place.exported, folderOf(place.inside)});
  const bool isWhereItsFolderIs = ofFolder == device && !known->deviceOf(place);
  if (!isWhereItsFolderIs) known->set(place, device);
}

}  // namespace h5cap
