// Lists that come page by page: links of a group, attributes, entries of a folder.
//
// A server that says `next` for ever would be asked for ever, and all that it says be kept.  So each page has to bring
// something, no more than was asked for, with a cursor that has not been there; and all pages together are bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "core/wire-checks.h"
#include "core/wire.h"
#include "h5cap/node.h"

namespace h5cap::detail {

// Of one list; far beyond what files have.
struct PageLimits {
  std::uint64_t items = 2 << 20;
  std::uint64_t bytes = 128 << 20;  // as they travel
};

class Paging {
 public:
  static constexpr std::uint32_t PAGE = 1000;  // what is asked for at once

  // `what` it is a list of, for messages.
  explicit Paging(std::string what, PageLimits limits = {}) : what_(std::move(what)), limits_(limits) {}

  // What to ask for next; empty at the beginning, and at the end.
  const Bytes& cursor() const { return cursor_; }
  bool isAtEnd() const { return isAtEnd_; }

  // Takes note of a page before it is kept.  FileError: tooLarge when there is too much of it, fileProblem when the
  // server goes in circles.
  void take(std::uint64_t items, std::uint64_t bytes, Bytes next);

 private:
  std::string what_;
  PageLimits limits_;
  Bytes cursor_;
  bool isAtEnd_ = false;
  std::set<Bytes> earlier_;  // cursors
  std::uint64_t items_ = 0, bytes_ = 0;
};

// Appends a page, `list` of the reply, to what came before it.
template <class Wire, class Reply, class Values>
void appendPage(const Reply& reply, typename capnp::List<Wire>::Reader list, Paging& paging, Values& values) {
  const auto page = wire::counted<Wire>(list);
  paging.take(page.size(), reply.totalSize().wordCount * sizeof(capnp::word), wire::readBytes(reply.getNext()));
  for (auto item : page) values.push_back(wire::read(item));
}

}  // namespace h5cap::detail
