// Part of every program with ThreadSanitizer (preset tsan): tells it of the locks of kj, whose library is not
// instrumented, so that what is done under one of them is seen to be in order.  Each function stands before the
// library's own, for that library, too.  The names are those of Cap'n Proto 0.9.2 without lock tracking.
#include <dlfcn.h>
#include <kj/mutex.h>

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace kj {
namespace _ {

namespace {

#define DURATION "NS_5MaybeINS_8QuantityIlNS0_15NanosecondLabelEEEEENS_18NoopSourceLocationE"

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

bool Mutex::lock(Exclusivity exclusivity, Maybe<Duration> timeout, LockSourceLocationArg location) {
  using Lock = bool(Mutex*, Exclusivity, Maybe<Duration>, LockSourceLocationArg);
  static Lock* const lock = original<Lock>("_ZN2kj1_5Mutex4lockENS1_11ExclusivityE" DURATION);
  if (!lock(this, exclusivity, kj::mv(timeout), location)) return false;
  __tsan_acquire(this);
  return true;
}

void Mutex::unlock(Exclusivity exclusivity, Waiter* waiterToSkip) {
  using Unlock = void(Mutex*, Exclusivity, Waiter*);
  static Unlock* const unlock = original<Unlock>("_ZN2kj1_5Mutex6unlockENS1_11ExclusivityEPNS1_6WaiterE");
  __tsan_release(this);
  unlock(this, exclusivity, waiterToSkip);
}

void Mutex::wait(Predicate& predicate, Maybe<Duration> timeout, LockSourceLocationArg location) {
  using Wait = void(Mutex*, Predicate&, Maybe<Duration>, LockSourceLocationArg);
  static Wait* const wait = original<Wait>("_ZN2kj1_5Mutex4waitERNS1_9PredicateE" DURATION);
  __tsan_release(this);
  KJ_DEFER(__tsan_acquire(this));
  wait(this, predicate, kj::mv(timeout), location);
}

void Once::runOnce(Initializer& init, LockSourceLocationArg location) {
  using RunOnce = void(Once*, Initializer&, LockSourceLocationArg);
  static RunOnce* const runOnce =
      original<RunOnce>("_ZN2kj1_4Once7runOnceERNS1_11InitializerENS_18NoopSourceLocationE");
  class Told final : public Initializer {
   public:
    Told(Once* once, Initializer& inner) : once_(once), inner_(inner) {}
    void run() override {
      inner_.run();
      __tsan_release(once_);
    }

   private:
    Once* once_;
    Initializer& inner_;
  };
  Told told(this, init);
  runOnce(this, told, location);
  __tsan_acquire(this);
}

}  // namespace _
}  // namespace kj
