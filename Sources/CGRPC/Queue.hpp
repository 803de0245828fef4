// A completion queue, the one thread that polls it, and the jobs that run on that thread.
#pragma once

#include "CGRPC.h"

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace cgrpc {

class Call;

/// What a completion queue hands back when an operation is done.
class Tag {
 public:
  virtual void on_event(bool ok) noexcept = 0;

 protected:
  ~Tag() = default;
};

/// Milliseconds of the monotonic clock.
int64_t now_ms() noexcept;

class Queue final : public std::enable_shared_from_this<Queue> {
 public:
  Queue() = default;
  Queue(const Queue &) = delete;
  Queue &operator=(const Queue &) = delete;

  /// The executor whose jobs this queue runs. Before `start`.
  void set_executor(void *executor, cgrpc_run_job run) noexcept;
  /// Takes over the completion queue and starts the thread. `ended` runs on the thread as its last act. With
  /// `tick_ms` > 0, `tick` runs on the thread about that often, as long as calls are active.
  void start(std::unique_ptr<grpc::CompletionQueue> cq, std::function<void()> ended, int64_t tick_ms = 0,
             std::function<void()> tick = {});
  /// Lets the thread end when all outstanding operations have completed. Any thread, any number of times.
  void stop() noexcept;

  bool enqueue(uintptr_t job) noexcept;
  bool is_current() const noexcept;

  /// Has `call->flush()` called when the jobs at hand have run. On the queue's own thread only.
  void defer_flush(Call *call);

  grpc::CompletionQueue *cq() noexcept { return cq_.get(); }

  /// The calls of this queue, for the tick. On the queue's own thread only.
  void insert(Call *call) noexcept;
  void remove(Call *call) noexcept;
  void for_each_call(const std::function<void(Call &)> &body);

  /// Milliseconds for which the thread has now been in one job, 0 when it waits for events.
  int64_t busy_for_ms() const noexcept;
  /// True once per spell of being busy: so that a watcher reports a spell once.
  bool take_stuck_report() noexcept;

 private:
  class WakeTag final : public Tag {
   public:
    explicit WakeTag(Queue *queue) : queue_(queue) {}
    void on_event(bool ok) noexcept override;

   private:
    Queue *queue_;
  };

  void loop() noexcept;
  void take_remote() noexcept;
  bool run_jobs() noexcept;
  void flush_calls() noexcept;

  std::unique_ptr<grpc::CompletionQueue> cq_;
  void *executor_ = nullptr;
  cgrpc_run_job run_ = nullptr;
  std::function<void()> ended_;
  std::function<void()> tick_;
  int64_t tick_ms_ = 0;
  int64_t next_tick_ = 0;

  // Touched by the queue's thread only.
  std::vector<uintptr_t> local_;
  size_t local_head_ = 0;
  std::vector<Call *> flushes_;
  Call *calls_ = nullptr;

  // Jobs from other threads.
  std::mutex remote_mutex_;
  std::vector<uintptr_t> remote_;
  std::vector<uintptr_t> remote_spare_;
  std::atomic<bool> remote_waiting_{false};
  bool wake_armed_ = false;
  bool running_ = false;
  bool stopped_ = false;
  grpc::Alarm alarm_;
  WakeTag wake_tag_{this};

  std::atomic<int64_t> busy_since_{0};
  std::atomic<bool> stuck_reported_{false};
};

}  // namespace cgrpc

/// The handle that C sees.
struct cgrpc_queue {
  std::shared_ptr<cgrpc::Queue> queue;
};
