// Questions that killed twice, and are refused for a while.
#pragma once

#include <kj/exception.h>
#include <kj/timer.h>

#include <map>
#include <string>

#include "h5cap/error.h"

namespace h5cap {

class Quarantine {
 public:
  Quarantine(kj::Timer& timer, kj::Duration time) : timer_(timer), time_(time) {}

  void add(const std::string& question, const ErrorText& error);

  // Throws the error that `question` is in quarantine for, if it is.
  void check(const std::string& question);

 private:
  struct Entry {
    kj::TimePoint until;
    ErrorText error;
    std::size_t bytes;  // with its key
  };
  using Entries = std::map<std::string, Entry>;

  Entries::iterator forget(Entries::iterator entry);
  void forgetOld();

  kj::Timer& timer_;
  kj::Duration time_;
  Entries entries_;
  std::size_t bytes_ = 0;  // of all entries: the earliest gives way
};

}  // namespace h5cap
