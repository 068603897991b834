// A zygote and the planners it forks, as the front has them, but blocking.
#pragma once

#include <capnp/message.h>
#include <h5cap/planner.capnp.h>

#include <functional>
#include <memory>
#include <string>

#include "h5cap/node.h"

namespace h5cap::test {

// One planner on one file.  Asking one that does not answer within 20 seconds, or died, throws std::runtime_error.
class PlannerProcess {
 public:
  explicit PlannerProcess(const std::string& path);
  ~PlannerProcess();
  PlannerProcess(const PlannerProcess&) = delete;
  PlannerProcess& operator=(const PlannerProcess&) = delete;

  // The reply is good until the next question.
  rpc::PlannerReply::Reader ask(const std::function<void(rpc::PlannerRequest::Builder)>& fill);

  // Opens the file; its root.
  ObjectId open();

  rpc::Resolution::Reader resolve(ObjectId base, const std::string& path, rpc::Follow follow = rpc::Follow::YES);
  NodeInfo node(const std::string& path);  // resolved from the root; fails the test unless it is there
  ObjectId id(const std::string& path) { return node(path).id; }
  NodeInfo describe(ObjectId id);

  // Closes the channel and waits for the planner to be gone; false if it is not within 5 seconds.
  bool end();

 private:
  int channel_ = -1;
  int pidfd_ = -1;
  ObjectId root_ = 0;
  std::unique_ptr<capnp::MessageReader> reply_;
};

// "code: message" of an error reply; empty for other replies.
std::string errorOf(rpc::PlannerReply::Reader reply);

}  // namespace h5cap::test
