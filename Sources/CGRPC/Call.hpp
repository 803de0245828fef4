// What server calls and client calls share: references, the bounded queue of unsent messages, the exception barrier.
#pragma once

#include "CGRPC.h"
#include "Queue.hpp"
#include "ThreadSanitizer.hpp"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cgrpc {

struct WriteLimits {
  size_t high_water = 64 * 1024;
  size_t low_water = 16 * 1024;
};

/// Lifetime: a call is referenced by the library as long as operations are outstanding, and by its owner's handle.
/// Operations are counted in `operations_`; the gRPC objects go when the last one has completed (`wire_done`), whether
/// or not the handle is still held: a server cannot shut down before they are gone.
class Call {
 public:
  Call(std::shared_ptr<Queue> queue, const cgrpc_call_callbacks &callbacks, WriteLimits limits)
      : queue_(std::move(queue)), callbacks_(callbacks), limits_(limits) {}
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  virtual void read() noexcept = 0;
  cgrpc_write_result write(const cgrpc_slice &message) noexcept;
  virtual bool add_header(cgrpc_view key, cgrpc_view value) noexcept = 0;
  virtual bool add_trailer(cgrpc_view key, cgrpc_view value) noexcept = 0;
  bool finish(int32_t code, cgrpc_view message) noexcept;
  virtual void cancel(int32_t code, const char *message) noexcept = 0;

  /// Starts what `write` and `finish` left for the end of the jobs at hand.
  void flush() noexcept;
  /// Milliseconds for which the write that is under way has not completed; 0 if none is.
  int64_t write_stalled_ms(int64_t now) noexcept;

 protected:
  virtual ~Call() = default;

  /// What to send next. Decided under the lock, started outside of it.
  struct Send {
    enum Kind { nothing, message, message_and_end, end } kind = nothing;
    grpc::Slice slice;
    /// More is waiting: gRPC may keep this message back until the next.
    bool hint = false;
  };
  virtual void start_send(Send send) = 0;
  /// Started operations and their ends. `end_operation` on the queue's thread only.
  void begin_operation() noexcept {
    operations_.fetch_add(1, std::memory_order_relaxed);
    happens_before(queue_.get());
  }
  void end_operation() noexcept;
  /// All operations have completed: lets the gRPC objects go.
  virtual void wire_done() noexcept = 0;
  /// An exception came out of an event's handler.
  virtual void failed(const char *what) noexcept = 0;
  /// A send has completed.
  void on_sent(bool ok);
  /// No message will be taken from now on, and none that waits will be sent. Under the lock.
  void close_sending_locked() noexcept;

  /// Counts an operation that occupies the sending half although it sends no message. Under the lock.
  void mark_sending_locked() noexcept {
    sending_ = true;
    sending_since_ = now_ms();
    begin_operation();
  }
  Send next_send_locked() noexcept;
  /// Starts the next send now, or after the jobs at hand if this is the queue's thread. Unlocks.
  void schedule(std::unique_lock<std::mutex> &lock);
  void perform(Send send) noexcept;

  const std::shared_ptr<Queue> queue_;
  const cgrpc_call_callbacks callbacks_;
  void *context_ = nullptr;

  std::mutex mutex_;
  // Guarded by mutex_:
  bool ended_ = false;
  bool finish_requested_ = false;
  bool finish_started_ = false;
  /// The one message of a unary answer or request waits for the end, to leave with it.
  bool hold_single_ = false;
  grpc::Status status_;
  bool reading_ = false;

 private:
  friend class Queue;
  template <class C, void (C::*Handler)(bool)>
  friend class OperationTag;

  std::atomic<int> references_{1};
  std::atomic<int> operations_{0};
  const WriteLimits limits_;

  // Guarded by mutex_:
  std::vector<grpc::Slice> waiting_;
  size_t waiting_head_ = 0;
  size_t unsent_bytes_ = 0;
  size_t sending_bytes_ = 0;
  bool sending_ = false;
  bool sent_any_ = false;
  bool flush_deferred_ = false;
  bool wants_room_ = false;
  bool broken_ = false;
  int64_t sending_since_ = 0;

  // The queue's list of its calls.
  Call *previous_ = nullptr;
  Call *next_ = nullptr;
};

/// The tag of one kind of operation: calls a member function, keeps exceptions in, counts the operation off.
template <class C, void (C::*Handler)(bool)>
class OperationTag final : public Tag {
 public:
  explicit OperationTag(C *call) : call_(call) {}

  void on_event(bool ok) noexcept override {
    Call *call = call_;
    try {
      (call_->*Handler)(ok);
    } catch (const std::exception &error) {
      call->failed(error.what());
    } catch (...) {
      call->failed("an exception of an unknown type");
    }
    // This tag may be gone after that.
    call->end_operation();
  }

 private:
  C *call_;
};

// Slices and views.

inline grpc_slice &as_grpc(cgrpc_slice &slice) noexcept { return reinterpret_cast<grpc_slice &>(slice); }
inline const grpc_slice &as_grpc(const cgrpc_slice &slice) noexcept {
  return reinterpret_cast<const grpc_slice &>(slice);
}
/// The bytes of a received message as one slice, without a copy if they came in one piece.
cgrpc_slice take_slice(grpc::ByteBuffer &buffer);

inline cgrpc_view view(const std::string &text) noexcept { return {text.data(), text.size()}; }
inline std::string string(cgrpc_view view) { return std::string(view.bytes, view.count); }
/// Whether HTTP/2 can carry the entry, and gRPC does not reserve its key for itself.
bool is_legal_header(cgrpc_view key, cgrpc_view value) noexcept;
/// The text cut to what fits into trailers beside other metadata, at a UTF-8 boundary.
std::string trimmed_message(cgrpc_view message);

}  // namespace cgrpc
