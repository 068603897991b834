#include "server/planner/serve.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>
#include <kj/io.h>

#include <new>

#include "core/wire.h"
#include "server/planner/answers.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_REQUEST_BYTES = 8 << 20;

using Reply = kj::Own<capnp::MallocMessageBuilder>;

Reply errorReply(ErrorCode code, const std::string& message) {
  auto reply = kj::heap<capnp::MallocMessageBuilder>();
  wire::write(ErrorText{code, message}, reply->initRoot<rpc::PlannerReply>().initError());
  return reply;
}

// Whatever goes wrong becomes an answer; only a crash ends the planner.
Reply replyTo(Answers& answers, rpc::PlannerRequest::Reader request) {
  try {
    auto reply = kj::heap<capnp::MallocMessageBuilder>();
    answers.answer(request, reply->initRoot<rpc::PlannerReply>());
    if (reply->sizeInWords() <= rpc::MAX_PLANNER_REPLY_WORDS) return reply;
    return errorReply(ErrorCode::tooLarge, "the answer has " + std::to_string(reply->sizeInWords() * 8) + " bytes");
  } catch (const Error& error) {
    return errorReply(error.code(), error.what());
  } catch (const kj::Exception& error) {
    return errorReply(ErrorCode::failed, std::string("planner: ") + error.getDescription().cStr());
  } catch (const std::bad_alloc&) {
    return errorReply(ErrorCode::tooLarge, "the planner ran out of memory");
  } catch (const std::exception& error) {
    return errorReply(ErrorCode::failed, std::string("planner: ") + error.what());
  }
}

}  // namespace

void serve(int file, int channel) {
  Answers answers(file);
  kj::FdInputStream raw(channel);
  kj::BufferedInputStreamWrapper input(raw);
  capnp::ReaderOptions options;
  options.traversalLimitInWords = MAX_REQUEST_BYTES / sizeof(capnp::word);
  // A broken stream, a request beyond the limit and the end of the front all mean the same: nobody to answer to.
  kj::runCatchingExceptions([&] {
    while (input.tryGetReadBuffer().size() > 0) {
      capnp::InputStreamMessageReader request(input, options);
      Reply reply = replyTo(answers, request.getRoot<rpc::PlannerRequest>());
      capnp::writeMessageToFd(channel, *reply);
    }
  });
}

}  // namespace h5cap::hdf5
