// One answer for each kind of question.
#pragma once

#include <h5cap/planner.capnp.h>

#include <memory>
#include <optional>
#include <vector>

#include "server/planner/large-values.h"
#include "server/planner/link-list.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

class Answers {
 public:
  explicit Answers(int descriptor) : descriptor_(descriptor) {}

  // Fills in `reply`, or throws an h5cap::Error.
  void answer(rpc::PlannerRequest::Reader request, rpc::PlannerReply::Builder reply);

 private:
  const OpenFile& file() const;
  void open(rpc::PlannerReply::Builder reply);
  void snapshot(rpc::PlannerRequest::Snapshot::Reader request, rpc::PlannerReply::Builder reply);
  void resolve(rpc::PlannerRequest::Resolve::Reader request, rpc::PlannerReply::Builder reply);
  void links(rpc::PlannerRequest::Links::Reader request, rpc::PlannerReply::Builder reply);
  void attributes(rpc::PlannerRequest::Attributes::Reader request, rpc::PlannerReply::Builder reply);
  void attribute(rpc::PlannerRequest::Attribute::Reader request, rpc::PlannerReply::Builder reply);
  void chunks(rpc::PlannerRequest::Chunks::Reader request, rpc::PlannerReply::Builder reply);
  void attributePart(rpc::PlannerRequest::AttributePart::Reader request, rpc::PlannerReply::Builder reply);
  void elementPart(rpc::PlannerRequest::ElementPart::Reader request, rpc::PlannerReply::Builder reply);
  void elements(rpc::PlannerRequest::Elements::Reader request, rpc::PlannerReply::Builder reply);
  void dereference(capnp::Data::Reader token, rpc::PlannerReply::Builder reply);
  const std::vector<LinkName>& namesOf(hid_t group, ObjectId id);

  int descriptor_;
  std::optional<OpenFile> file_;

  // The names of the group listed last: libhdf5 reads and sorts all of them for every page.
  ObjectId listedGroup_ = 0;
  std::vector<LinkName> listedNames_;
  LargeValues largeValues_;
};

}  // namespace h5cap::hdf5
