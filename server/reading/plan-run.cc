#include "server/reading/plan-run.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/heap.h"
#include "server/base/guarded.h"
#include "server/executor/carry-out.h"
#include "server/executor/loan.h"
#include "server/files/raw-files.h"
#include "server/session/reply-room.h"

namespace h5cap {
namespace {

// Questions to planners that are under way for one reply.
constexpr std::size_t questions = 4;

// Of variable-length data that is looked at on the event loop.
constexpr std::size_t heapAtOnce = 1 << 20;

// Of all that libhdf5 answers for one reply.
constexpr std::uint64_t maxAnswerBytes = rpc::MAX_MESSAGE_WORDS * 8;

// By the reply: what a small one has to be decoded of is not known here.
constexpr std::size_t smallReply = 256 << 10;
WorkSize sizeOf(std::span<std::byte> reply) {
  return reply.size() <= smallReply ? WorkSize::small : WorkSize::usual;
}

std::span<const std::byte> bytesOf(capnp::Data::Reader data) {
  return std::as_bytes(std::span(data.begin(), data.size()));
}

// This thread's memory for one reply.  Kept from read to read, since fresh pages cost more than zeroing them.
std::span<std::byte> zeroedScratch(std::size_t bytes) {
  constexpr std::size_t keptBytes = 4 << 20;
  thread_local Bytes scratch;
  if (scratch.capacity() > keptBytes && bytes <= keptBytes) scratch = Bytes();
  scratch.assign(bytes, std::byte{0});
  return scratch;
}

void checkBegin(const PartWanted& part, std::uint64_t total) {
  if (part.first >= total) throw BadSelection("the cursor lies beyond the element");
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
  std::shared_ptr<const ReadPlan> plan;
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

  std::optional<PartWanted> part;  // of the one element that there is; nothing: all of all
  ElementOrigin origin;            // of that
  std::uint64_t libraryTotal = 0;  // what libhdf5 says that it has

  ChunkCache::Waiting waiting;  // its thread's, and the event loop's between two runs
  Loan loan;                    // of the memory for elements, and of the files

  // Copies what it has while there is somewhere to copy it to.  Nothing when others are decoding some of it.
  std::optional<CarriedOut> run(std::span<std::byte> target) {
    if (part) return runPart();
    if (auto* answer = wholeAnswer(*plan, supplies)) {
      checkPlaces(plan->array->type, answer->elements, answer->heap);
      return give(answer->elements, answer->heap, target);
    }
    auto whole = zeroedScratch(elementCount(plan->array->counts) * plan->array->elementBytes());
    Heap heap(rpc::MAX_ELEMENT_BYTES);
    h5cap::carryOut(*plan, supplies, waiting, whole, heap);
    if (waiting.isMissing()) return std::nullopt;
    return give(whole, heap.bytes(), target);
  }

 private:
  std::optional<CarriedOut> runPart() {
    CarriedPart made;
    if (auto* library = origin.piece ? std::get_if<FromLibrary>(&origin.piece->from) : nullptr) {
      const auto bytes = supplies.answers.at(library->libraryRead).elements;
      made = {false, {bytes.begin(), bytes.end()}, libraryTotal};
    } else if (origin.array->type.hasVariable()) {
      made = partOfFill();
    } else {
      made.total = picker ? picker->type().size() : origin.array->type.size();
      checkBegin(*part, made.total);
      const ByteRange wanted{part->first, std::min(part->most, made.total - part->first)};
      const std::vector<ByteRange> ranges = picker ? picker->origins(wanted) : std::vector<ByteRange>{wanted};
      made.bytes.resize(wanted.count);
      carryOutPart(*plan, supplies, waiting, origin, {ranges, made.bytes});
      if (waiting.isMissing()) return std::nullopt;
    }
    return CarriedOut{areUnchanged(), {}, std::move(made.bytes), made.total};
  }

  CarriedPart partOfFill() const {
    const ArrayPlan& array = *origin.array;
    Bytes element = array.fillElement;
    if (picker) {
      element.resize(picker->type().size());
      picker->pick(array.fillElement, element);
    }
    Heap heap(rpc::MAX_ELEMENT_BYTES);
    heap.append(picker ? picker->type() : array.type, element, array.fillHeap);
    return partOf(element, heap.bytes(), *part);
  }

  CarriedOut give(std::span<const std::byte> elements, std::span<const std::byte> heap, std::span<std::byte> target) {
    CarriedOut done;
    done.isUnchanged = areUnchanged();
    Bytes picked;
    if (picker) {
      picked.resize(target.size());
      picker->pick(elements, picked);
      Heap ofFields(rpc::MAX_ELEMENT_BYTES);
      ofFields.append(picker->type(), picked, heap);
      done.heap = ofFields.take();
      elements = picked;
    } else {
      done.heap.assign(heap.begin(), heap.end());
    }
    const bool isInTime = loan.whileLent([&] { std::copy(elements.begin(), elements.end(), target.begin()); });
    if (!isInTime) done.elements.emplace(elements.begin(), elements.end());
    return done;
  }
};

class PlanRun {
 public:
  PlanRun(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker, std::span<std::byte> target,
          ElementSpace& space)
      : planning_(planning), owner_(owner), target_(target), space_(space),
        server_(file(0).session().server), work_(std::make_shared<Carrying>()) {
    work_->plan = planning.plan();
    work_->picker = std::move(picker);
    work_->supplies.answers.resize(plan().libraryReads.size());
    work_->supplies.rawFiles.resize(plan().rawReads.size());
  }

  // Of the one element, these bytes.
  void narrowTo(PartWanted part) {
    work_->part = part;
    work_->origin = originOf(*plan().array);
  }

  // Whether the files of the plan are all that it takes.
  bool hasEverything() const { return plan().libraryReads.empty() && plan().rawReads.empty(); }

  kj::Promise<CarriedOut> run() {
    return ask().then([this]() -> kj::Promise<CarriedOut> {
      if (plan().rawReads.empty()) return guarded([&] { return carryOut(); });
      return openRawFiles(0).then([this] { return guarded([&] { return carryOut(); }); });
    });
  }

  // Once it has.  The promise does not need this.
  kj::Promise<CarriedOut> carryOut() {
    for (PinnedFile& pinned : planning_.files()) {
      FileVersion& version = *pinned.version;
      // What may still change is decoded for this read alone.
      ChunkCache* cache = version.isSettled() || pinned.isFollowed() ? &server_.chunks : nullptr;
      std::optional<std::uint64_t> size;
      if (!pinned.isFollowed()) size = version.state().size;
      // The name of the file itself comes with whatever the read fails with.
      const bool isItself = work_->supplies.files.empty();
      work_->supplies.files.push_back({std::make_shared<SharedFileReader>(version.sharedFile(), size), version.name(),
                                       cache, isItself ? std::string() : pinned.file->shownPath()});
      if (!pinned.isFollowed()) work_->checked.push_back({version.sharedFile(), version.state()});
    }
    work_->supplies.decoding = &server_.executor.decoding();
    // What libhdf5 said, as it is wanted, takes no thread where none has to look at the file.
    const LibraryAnswer* answer = work_->part ? nullptr : wholeAnswer(plan(), work_->supplies);
    const bool isAtHand = answer != nullptr && answer->heap.size() <= heapAtOnce && work_->picker == nullptr &&
                          planning_.files().size() == 1 && planning_.files().front().version->answersAtOnce();
    if (isAtHand) return std::move(*work_->run(target_));
    auto running = runInLane(server_.executor, laneOfAll(), owner_, work_, target_);
    running = running.attach(kj::defer([work = work_] { work->loan.end(); }));
    if (!answersAtOnce()) running = running.exclusiveJoin(takenBack());
    return whilePermitted(kj::mv(running));
  }

 private:
  const ReadPlan& plan() const { return *work_->plan; }
  OpenFile& file(std::size_t number) const { return *planning_.files()[number].file; }

  kj::Promise<void> ask() {
    const std::size_t lanes = std::min(questions, plan().libraryReads.size());
    if (lanes <= 1) return askNext();
    auto asking = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::size_t i = 0; i < lanes; ++i) asking.add(askNext());
    return kj::joinPromises(asking.finish());
  }

  kj::Promise<void> askNext() {
    if (asked_ == plan().libraryReads.size()) return kj::READY_NOW;
    const std::size_t number = asked_++;
    if (work_->part && !isOrigin(number)) return askNext();
    const LibraryRead& read = plan().libraryReads[number];
    auto& pinned = planning_.files()[read.dataset->file];
    auto asking = pinned.version->ask([this, &read](rpc::PlannerRequest::Builder request) {
      if (work_->part) return writePart(read, request.initElementPart());
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
        .then(
            [this, number](kj::Own<PlannerAnswer> answer) {
              guarded([&] { take(number, kj::mv(answer)); });
              return askNext();
            },
            [&pinned](kj::Exception&& problem) -> kj::Promise<void> {
              return pinned.file->named(kj::mv(problem));
            });
  }

  bool isOrigin(std::size_t libraryRead) const {
    const Piece* piece = work_->origin.piece;
    auto* library = piece ? std::get_if<FromLibrary>(&piece->from) : nullptr;
    return library != nullptr && library->libraryRead == libraryRead;
  }

  void writePart(const LibraryRead& read, rpc::PlannerRequest::ElementPart::Builder request) const {
    request.setPartSource(read.dataset->id);
    const auto coordinates = coordinatesOf(read.wanted);
    request.setCoordinates(kj::arrayPtr(coordinates.data(), coordinates.size()));
    auto range = request.initRange();
    range.setFirst(work_->part->first);
    range.setMost(static_cast<std::uint32_t>(work_->part->most));
    if (!work_->picker) return;
    const auto offsets = work_->picker->offsets();
    request.setFieldOffsets(kj::arrayPtr(offsets.data(), offsets.size()));
  }

  void takePart(std::size_t number, kj::Own<PlannerAnswer> answer) {
    const DataType& type = work_->picker ? work_->picker->type() : plan().libraryReads[number].dataset->type;
    if (!answer->reply().isPart()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
    const auto part = answer->reply().getPart();
    const std::uint64_t size = part.getBytes().size();
    const bool isRight = part.getFirst() == work_->part->first && size > 0 &&
                         size <= work_->part->most && part.getTotal() >= type.size() &&
                         isWithin(part.getFirst(), size, part.getTotal());
    if (!isRight)
      raiseKj(ErrorCode::fileProblem, file(plan().libraryReads[number].dataset->file).shownPath() +
                                          ": the planner's part of an element is not the one asked for");
    work_->libraryTotal = part.getTotal();
    work_->supplies.answers[number] = {bytesOf(part.getBytes()), {},
                                       std::make_shared<kj::Own<PlannerAnswer>>(kj::mv(answer))};
  }

  void take(std::size_t number, kj::Own<PlannerAnswer> answer) {
    if (work_->part) return takePart(number, kj::mv(answer));
    const LibraryRead& read = plan().libraryReads[number];
    auto reply = answer->reply();
    if (!reply.isElements() ||
        reply.getElements().getPacked().size() != countOf(read.wanted) * read.dataset->elementBytes())
      raiseKj(ErrorCode::fileProblem, file(read.dataset->file).shownPath() +
                                          ": the planner's elements do not have the size asked for");
    auto elements = reply.getElements();
    answerBytes_ += elements.getPacked().size() + elements.getHeap().size();
    if (answerBytes_ > maxAnswerBytes)
      raiseKj(ErrorCode::tooLarge, "the variable-length data of one reply exceeds 64 MiB");
    work_->supplies.answers[number] = {bytesOf(elements.getPacked()), bytesOf(elements.getHeap()),
                                       std::make_shared<kj::Own<PlannerAnswer>>(kj::mv(answer))};
  }

  kj::Promise<void> openRawFiles(std::size_t number) {
    if (number == plan().rawReads.size()) return kj::READY_NOW;
    const RawFilesRead& read = plan().rawReads[number];
    if (read.slots.empty()) {  // as the one before it
      work_->supplies.rawFiles[number] = work_->supplies.rawFiles[number - 1];
      return openRawFiles(number + 1);
    }
    NodePlace& place = planning_.rawPlaces()[number];
    const auto& storage = std::get<ExternalStorage>(*read.dataset->storage);
    return h5cap::openRawFiles(place.clone(), storage, read.slots)
        .then([this, number, &read](std::shared_ptr<RawFiles> files) {
          auto supply = std::make_shared<RawSupply>(files, *read.dataset);
          work_->supplies.rawFiles[number] = std::shared_ptr<const FileReader>(supply, &supply->reader);
          for (auto& [path, state] : files->opened()) {
            planning_.see(seenRawFile(path, state));
            file(0).sources().remember(SourceFiles::Behind::rawStorage, path);
          }
          work_->rawFiles.push_back(std::move(files));
          return openRawFiles(number + 1);
        });
  }

  // As often as others have to be waited for: with no thread meanwhile.
  static kj::Promise<CarriedOut> runInLane(Executor& executor, Lane lane, WorkOwner owner,
                                           std::shared_ptr<Carrying> work, std::span<std::byte> target) {
    auto run = [work, target] { return work->run(target); };
    auto running = executor.run<std::optional<CarriedOut>>(lane, owner, kj::mv(run), sizeOf(target));
    return running.then([&executor, lane, owner, work, target](std::optional<CarriedOut> done)
                            -> kj::Promise<CarriedOut> {
      if (done) return std::move(*done);
      return work->waiting.whenDone().then([&executor, lane, owner, work, target] {
        return runInLane(executor, lane, owner, work, target);
      });
    });
  }

  bool answersAtOnce() {
    return plan().rawReads.empty() && std::all_of(planning_.files().begin(), planning_.files().end(),
                                                  [](PinnedFile& pinned) { return pinned.version->answersAtOnce(); });
  }

  // Ends what was lent after a while; never resolves.
  kj::Promise<CarriedOut> takenBack() {
    return server_.timer.afterDelay(storagePatience)
        .then([work = work_, &space = space_]() -> kj::Promise<CarriedOut> {
          work->loan.endUnused([&] { return space.standAside(); });
          return kj::NEVER_DONE;
        });
  }

  // What may hang in any of the files hangs by itself.
  Lane laneOfAll() {
    const auto& files = planning_.files();
    Lane lane = files.front().version->lane();
    for (std::size_t i = 1; i < files.size(); ++i)
      if (!(files[i].version->lane() == lane)) lane = lane.with(files[i].version->lane());
    for (auto& raw : work_->rawFiles)
      if (auto other = raw->lane()) lane = lane.with(*other);
    return lane;
  }

  // The file itself is whoever's that reads it.
  kj::Promise<CarriedOut> whilePermitted(kj::Promise<CarriedOut> running) {
    for (std::size_t i = 1; i < planning_.files().size(); ++i)
      if (file(i).grant().isTemporary())
        running = file(i).grant().during(server_.timer, file(i).shownPath(), kj::mv(running));
    for (auto& files : work_->rawFiles) running = files->during(server_.timer, kj::mv(running));
    return running;
  }

  Planning& planning_;
  const WorkOwner owner_;
  const std::span<std::byte> target_;
  ElementSpace& space_;
  ServerContext& server_;
  const std::shared_ptr<Carrying> work_;
  std::size_t asked_ = 0;
  std::uint64_t answerBytes_ = 0;
};

}  // namespace

kj::Promise<CarriedOut> runPlan(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                std::span<std::byte> target, ElementSpace& space) {
  PlanRun run(planning, owner, std::move(picker), target, space);
  if (run.hasEverything()) return run.carryOut();
  auto kept = kj::heap<PlanRun>(kj::mv(run));
  auto promise = inPromise([&] { return kept->run(); });
  return promise.attach(kj::mv(kept));
}

kj::Promise<CarriedPart> runPart(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                 PartWanted part, ElementSpace& space) {
  auto run = kj::heap<PlanRun>(planning, owner, std::move(picker), std::span<std::byte>(), space);
  run->narrowTo(part);
  auto promise = inPromise([&] { return run->run(); });
  return promise
      .then([](CarriedOut done) {
        return CarriedPart{done.isUnchanged, std::move(*done.elements), done.partTotal};
      })
      .attach(kj::mv(run));
}

CarriedPart partOf(std::span<const std::byte> element, std::span<const std::byte> heap, PartWanted part) {
  CarriedPart made{false, {}, element.size() + heap.size()};
  checkBegin(part, made.total);
  const std::uint64_t end = part.first + std::min(part.most, made.total - part.first);
  auto take = [&](std::span<const std::byte> bytes, std::uint64_t at) {
    const std::uint64_t from = std::max(part.first, at), to = std::min(end, at + bytes.size());
    if (from < to) made.bytes.insert(made.bytes.end(), bytes.begin() + (from - at), bytes.begin() + (to - at));
  };
  take(element, 0);
  take(heap, element.size());
  return made;
}

}  // namespace h5cap
