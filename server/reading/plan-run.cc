#include "server/reading/plan-run.h"

#include <algorithm>

#include "core/heap.h"
#include "server/base/guarded.h"
#include "server/executor/carry-out.h"
#include "server/executor/loan.h"
#include "server/files/raw-files.h"

namespace h5cap {
namespace {

// Questions to planners that are under way for one reply.
constexpr std::size_t questions = 4;

// Of all that libhdf5 answers for one reply.
constexpr std::uint64_t maxAnswerBytes = rpc::MAX_MESSAGE_WORDS * 8;

Bytes bytesOf(capnp::Data::Reader data) {
  auto bytes = std::as_bytes(std::span(data.begin(), data.size()));
  return Bytes(bytes.begin(), bytes.end());
}

// This thread's memory for one reply.  Kept from read to read, since fresh pages cost more than zeroing them.
std::span<std::byte> zeroedScratch(std::size_t bytes) {
  constexpr std::size_t keptBytes = 4 << 20;
  thread_local Bytes scratch;
  if (scratch.capacity() > keptBytes && bytes <= keptBytes) scratch = Bytes();
  scratch.assign(bytes, std::byte{0});
  return scratch;
}

// What the raw files of one region are read through.
struct RawSupply {
  RawSupply(std::shared_ptr<RawFiles> files, const PlannedDataset& dataset)
      : files(std::move(files)),
        reader(std::get<ExternalStorage>(*dataset.storage), this->files->ofSlot()) {}
  const std::shared_ptr<RawFiles> files;
  const RawFilesReader reader;
};

// Everything that the thread needs, in memory of its own: it may outlive the read.
struct Carrying {
  ReadPlan plan;
  Supplies supplies;
  std::vector<std::shared_ptr<RawFiles>> rawFiles;
  struct Checked {
    kj::Own<const SharedFile> file;
    FileState state;
  };
  std::vector<Checked> checked;
  std::shared_ptr<const FieldPicker> picker;

  bool areUnchanged() const {
    return std::all_of(checked.begin(), checked.end(),
                       [](const Checked& one) { return stateOf(one.file->get()) == one.state; }) &&
           std::all_of(rawFiles.begin(), rawFiles.end(), [](auto& files) { return files->areUnchanged(); });
  }

  // Copies what it has while there is somewhere to copy it to.
  CarriedOut run(std::span<std::byte> target, Loan& loan) const {
    const ArrayPlan& array = *plan.array;
    auto whole = zeroedScratch(elementCount(array.counts) * array.elementBytes());
    Heap heap(rpc::MAX_ELEMENT_BYTES);
    h5cap::carryOut(plan, supplies, whole, heap);
    std::span<const std::byte> elements = whole;
    Bytes picked;
    if (picker) {
      picked.resize(target.size());
      picker->pick(whole, picked);
      Heap ofFields(rpc::MAX_ELEMENT_BYTES);
      ofFields.append(picker->type(), picked, heap.bytes());
      heap = std::move(ofFields);
      elements = picked;
    }
    CarriedOut done{areUnchanged(), heap.take(), {}};
    loan.whileLent([&] { std::copy(elements.begin(), elements.end(), target.begin()); });
    return done;
  }
};

class PlanRun {
 public:
  PlanRun(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker, std::span<std::byte> target)
      : planning_(planning), owner_(owner), target_(target), server_(file(0).session().server),
        work_(std::make_shared<Carrying>()) {
    work_->plan = planning.plan();
    work_->picker = std::move(picker);
    work_->supplies.answers.resize(plan().libraryReads.size());
    work_->supplies.rawFiles.resize(plan().rawReads.size());
    work_->rawFiles.resize(plan().rawReads.size());
  }

  kj::Promise<CarriedOut> run() {
    auto asking = kj::heapArrayBuilder<kj::Promise<void>>(questions);
    for (std::size_t i = 0; i < questions; ++i) asking.add(askNext());
    return kj::joinPromises(asking.finish())
        .then([this] { return openRawFiles(0); })
        .then([this] { return guarded([&] { return carryOut(); }); });
  }

 private:
  const ReadPlan& plan() const { return work_->plan; }
  OpenFile& file(std::size_t number) const { return *planning_.files()[number].file; }

  kj::Promise<void> askNext() {
    if (asked_ == plan().libraryReads.size()) return kj::READY_NOW;
    const std::size_t number = asked_++;
    const LibraryRead& read = plan().libraryReads[number];
    auto& pinned = planning_.files()[read.dataset->file];
    auto asking = pinned.version->ask([&read](rpc::PlannerRequest::Builder request) {
      auto elements = request.initElements();
      elements.setSource(read.dataset->id);
      if (auto* region = std::get_if<Region>(&read.wanted)) {
        wire::writeRegion(*region, elements.initRegion(region->axes.size()));
      } else {
        const auto& points = std::get<PointList>(read.wanted).coordinates;
        elements.setPoints(kj::arrayPtr(points.data(), points.size()));
      }
    });
    return asking
        .then([this, number](kj::Own<PlannerAnswer> answer) { guarded([&] { take(number, *answer); }); },
              [&pinned](kj::Exception&& problem) { kj::throwFatalException(pinned.file->named(kj::mv(problem))); })
        .then([this] { return askNext(); });
  }

  void take(std::size_t number, PlannerAnswer& answer) {
    const LibraryRead& read = plan().libraryReads[number];
    auto reply = answer.reply();
    if (!reply.isElements() ||
        reply.getElements().getPacked().size() != countOf(read.wanted) * read.dataset->elementBytes())
      raiseKj(ErrorCode::fileProblem, file(read.dataset->file).shownPath() +
                                          ": the planner's elements do not have the size asked for");
    auto elements = reply.getElements();
    answerBytes_ += elements.getPacked().size() + elements.getHeap().size();
    if (answerBytes_ > maxAnswerBytes)
      raiseKj(ErrorCode::tooLarge, "the variable-length data of one reply exceeds 64 MiB");
    work_->supplies.answers[number] = {bytesOf(elements.getPacked()), bytesOf(elements.getHeap())};
  }

  kj::Promise<void> openRawFiles(std::size_t number) {
    if (number == plan().rawReads.size()) return kj::READY_NOW;
    const RawFilesRead& read = plan().rawReads[number];
    NodePlace& place = planning_.rawPlaces()[number];
    const auto& storage = std::get<ExternalStorage>(*read.dataset->storage);
    return h5cap::openRawFiles(place.clone(), storage, read.slots)
        .then([this, number, &read, &place](std::shared_ptr<RawFiles> files) {
          auto supply = std::make_shared<RawSupply>(files, *read.dataset);
          work_->supplies.rawFiles[number] = std::shared_ptr<const FileReader>(supply, &supply->reader);
          for (auto& [name, state] : files->opened())
            seen_.push_back({nameOfSource(*place.file, name), meaningOf(state)});
          work_->rawFiles[number] = std::move(files);
          return openRawFiles(number + 1);
        });
  }

  kj::Promise<CarriedOut> carryOut() {
    for (PinnedFile& pinned : planning_.files()) {
      FileVersion& version = *pinned.version;
      // What may still change is decoded for this read alone.
      ChunkCache* cache = version.isSettled() || pinned.isSwmr ? &server_.chunks : nullptr;
      std::optional<std::uint64_t> size;
      if (!pinned.isSwmr) size = version.state().size;
      work_->supplies.files.push_back({std::make_shared<SharedFileReader>(version.sharedFile(), size), version.name(),
                                       cache, pinned.file->shownPath()});
      if (!pinned.isSwmr) work_->checked.push_back({version.sharedFile(), version.state()});
    }
    work_->supplies.decoding = &server_.executor.decoding();
    seen_.insert(seen_.end(), planning_.seen().begin(), planning_.seen().end());
    auto loan = std::make_shared<Loan>();
    auto run = [work = work_, target = target_, loan] { return work->run(target, *loan); };
    auto running = server_.executor.run<CarriedOut>(lane(), owner_, kj::mv(run)).attach(kj::defer([loan] { loan->end(); }));
    return whilePermitted(kj::mv(running)).then([this](CarriedOut done) {
      done.seen = std::move(seen_);
      return done;
    });
  }

  // What may hang in any of the files hangs by itself.
  Lane lane() {
    Lane lane = planning_.files().front().version->sharedFile()->lane();
    for (PinnedFile& pinned : planning_.files()) lane = lane.with(pinned.version->sharedFile()->lane());
    for (auto& files : work_->rawFiles)
      if (auto other = files->lane()) lane = lane.with(*other);
    return lane;
  }

  kj::Promise<CarriedOut> whilePermitted(kj::Promise<CarriedOut> running) {
    for (const PinnedFile& pinned : planning_.files())
      running = pinned.file->grant().during(server_.timer, pinned.file->shownPath(), kj::mv(running));
    for (auto& files : work_->rawFiles) running = files->during(server_.timer, kj::mv(running));
    return running;
  }

  Planning& planning_;
  const WorkOwner owner_;
  const std::span<std::byte> target_;
  ServerContext& server_;
  const std::shared_ptr<Carrying> work_;
  std::size_t asked_ = 0;
  std::uint64_t answerBytes_ = 0;
  std::vector<SeenSource> seen_;
};

}  // namespace

kj::Promise<CarriedOut> runPlan(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                std::span<std::byte> target) {
  auto run = kj::heap<PlanRun>(planning, owner, std::move(picker), target);
  auto promise = inPromise([&] { return run->run(); });
  return promise.attach(kj::mv(run));
}

}  // namespace h5cap
