// The attributes of one node.
#include <algorithm>

#include "core/checked-size.h"
#include "server/planner-pool/answer-checks.h"

#include "server/objects/node-impl.h"

namespace h5cap {
namespace {

constexpr std::uint32_t maxPage = 10'000;

// What a value may take of the budget for replies; so many are read at once.
constexpr std::uint64_t assumedValueBytes = 1 << 20;

class AttributesImpl final : public Served<rpc::Attributes> {
 public:
  AttributesImpl(HandingOut key, NodePlace place) : Served(key), place_(kj::mv(place)) {}

  kj::Promise<void> list(ListContext context) override {
    context.allowCancellation();
    auto cursor = wire::readBytes(context.getParams().getCursor());
    const std::uint32_t limit = std::clamp<std::uint32_t>(context.getParams().getLimit(), 1, maxPage);
    context.releaseParams();
    return findNode(place_.clone())
        .then([cursor, limit](FoundNode found) {
          auto& version = *found.version;
          return version.ask([id = found.info->id, cursor, limit](rpc::PlannerRequest::Builder request) {
            auto attributes = request.initAttributes();
            attributes.setObject(id);
            attributes.setAttributeCursor(wire::asData(cursor));
            attributes.setAttributeLimit(limit);
          });
        })
        .then([context, cursor, limit](kj::Own<PlannerAnswer> answer) mutable {
          if (!answer->reply().isAttributes())
            raiseKj(ErrorCode::fileProblem, "the planner answered another question");
          auto page = answer->reply().getAttributes();
          const std::string after(reinterpret_cast<const char*>(cursor.data()), cursor.size());
          guarded([&] { checkAttributes(page, after, limit); });
          auto results = context.getResults();
          results.setAttributes(page.getAttributePage());
          results.setNext(page.getAttributeNext());
          results.setTotal(page.getAttributeTotal());
        });
  }

  kj::Promise<void> read(ReadContext context) override {
    context.allowCancellation();
    auto text = context.getParams().getName();
    std::string name(text.begin(), text.size());
    context.releaseParams();
    if (name.find('\0') != std::string::npos)
      raiseKj(ErrorCode::notFound, place_.text() + ": no attribute has a zero byte in its name");
    // The whole value is in memory twice for a moment, and nobody knows beforehand how large it is.
    return asking().caller.connection->replyBytes->take(assumedValueBytes)
        .then([this, name = kj::mv(name), context](kj::Own<Quota::Lease> room) mutable {
          auto reading = readOne(kj::mv(name), context);
          return reading.attach(kj::mv(room));
        });
  }

  kj::Promise<void> readPart(ReadPartContext context) override {
    context.allowCancellation();
    auto params = context.getParams();
    const std::uint64_t most = std::clamp<std::uint64_t>(params.getReplyBytes(), 1, mostPartBytes());
    PartAsked asked{std::string(params.getName().begin(), params.getName().size()), params.getFirstByte(), most,
                    wire::readBytes(params.getIfVersion())};
    context.releaseParams();
    return asking().caller.connection->replyBytes->take(most)
        .then([this, asked = kj::mv(asked), context](kj::Own<Quota::Lease> room) mutable {
          return readOnePart(kj::mv(asked), context).attach(kj::mv(room));
        });
  }

  std::string name() const override { return place_.text(); }
  std::size_t keptBytes() const override { return h5cap::keptBytes(place_); }

 private:
  kj::Promise<void> readOne(std::string name, ReadContext context) {
    return findNode(place_.clone())
        .then([name](FoundNode found) {
          auto& version = *found.version;
          return version.ask([id = found.info->id, name](rpc::PlannerRequest::Builder request) {
            auto attribute = request.initAttribute();
            attribute.setOwner(id);
            attribute.setName(name.c_str());
          });
        })
        .then([context, name](kj::Own<PlannerAnswer> answer) mutable {
          if (!answer->reply().isAttribute())
            raiseKj(ErrorCode::fileProblem, "the planner answered another question");
          auto attribute = answer->reply().getAttribute();
          if (attribute.totalSize().wordCount > rpc::MAX_ELEMENT_BYTES / 8)
            raiseKj(ErrorCode::tooLarge, "the attribute is larger than 32 MiB");
          guarded([&] { checkAttribute(attribute, name); });
          context.getResults().setAttribute(attribute);
        });
  }

  struct PartAsked {
    std::string name;
    std::uint64_t first = 0, most = 0;
    Version ifVersion;
  };

  std::uint64_t mostPartBytes() {
    return std::min<std::uint64_t>(asking().caller.server.limits.bytesInOneReply, rpc::MAX_REPLY_BYTES);
  }

  // One version of the file is asked, and is still there when it has answered.
  kj::Promise<void> readOnePart(PartAsked asked, ReadPartContext context) {
    return findNode(place_.clone()).then([this, asked = kj::mv(asked), context](FoundNode found) mutable {
      auto& version = *found.version;
      if (!asked.ifVersion.empty() && !version.satisfies(asked.ifVersion))
        raiseKj(ErrorCode::changed, place_.text() + ": the file is not the version that was asked for");
      auto asking = version.ask([id = found.info->id, &asked](rpc::PlannerRequest::Builder request) {
        auto attribute = request.initAttributePart();
        attribute.setPartOwner(id);
        attribute.setPartName(asked.name.c_str());
        auto range = attribute.initPart();
        range.setFirst(asked.first);
        range.setMost(static_cast<std::uint32_t>(asked.most));
      });
      return asking.then([asked = kj::mv(asked), context, found = kj::mv(found)](kj::Own<PlannerAnswer> answer) mutable
                         -> kj::Promise<void> {
        writePart(asked, *answer, context);
        auto& version = *found.version;
        context.getResults().setVersion(wire::asData(version.version()));
        if (version.isSwmr() == true) return kj::READY_NOW;
        return found.place.file->unchanged(version)
            .then([text = found.place.text()](bool isUnchanged) {
              if (!isUnchanged) raiseKj(ErrorCode::changed, text + ": the file changed while it was read");
            })
            .attach(kj::mv(found));
      });
    });
  }

  static void writePart(const PartAsked& asked, PlannerAnswer& answer, ReadPartContext context) {
    if (!answer.reply().isAttributePart()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
    auto made = answer.reply().getAttributePart();
    const auto part = made.getValue();
    const std::uint64_t size = part.getBytes().size();
    if (part.getFirst() != asked.first || size == 0 || size > asked.most ||
        !isWithin(asked.first, size, part.getTotal()))
      raiseKj(ErrorCode::fileProblem, "the planner's part of an attribute is not the one asked for");
    guarded([&] { checkAttribute(made.getPartOf(), asked.name); });
    context.getResults().setAttribute(made.getPartOf());
    context.getResults().setPart(part);
  }

  NodePlace place_;
};

}  // namespace

rpc::Attributes::Client makeAttributes(const Asking& asking, NodePlace place) {
  return handOut<AttributesImpl>(asking.caller, asking.grant, kj::mv(place));
}

}  // namespace h5cap
