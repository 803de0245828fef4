#include "Queue.hpp"

#include "Call.hpp"
#include "ThreadSanitizer.hpp"

#include <grpc/support/time.h>
#include <pthread.h>

#include <chrono>
#include <thread>

namespace cgrpc {

namespace {

thread_local Queue *current_queue = nullptr;

/// Jobs that run before the thread looks for events again: a job that keeps enqueueing itself must not starve them.
constexpr size_t kJobsPerRound = 256;

gpr_timespec deadline_in_ms(int64_t ms) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

}  // namespace

int64_t now_ms() noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void Queue::set_executor(void *executor, cgrpc_run_job run) noexcept {
  executor_ = executor;
  run_ = run;
}

void Queue::start(std::unique_ptr<grpc::CompletionQueue> cq, std::function<void()> ended, int64_t tick_ms,
                  std::function<void()> tick) {
  cq_ = std::move(cq);
  ended_ = std::move(ended);
  tick_ms_ = tick_ms;
  tick_ = std::move(tick);
  {
    std::lock_guard<std::mutex> lock(remote_mutex_);
    running_ = true;
  }
  // Detached, since whoever waits for the end must not block a thread: `ended_` tells. The thread owns the queue.
  std::thread([self = shared_from_this()] { self->loop(); }).detach();
}

void Queue::stop() noexcept {
  std::lock_guard<std::mutex> lock(remote_mutex_);
  if (!running_ || stopped_) return;
  // Under the lock: an alarm set on a completion queue that is shut down aborts the process.
  stopped_ = true;
  cq_->Shutdown();
}

bool Queue::is_current() const noexcept { return current_queue == this; }

bool Queue::enqueue(uintptr_t job) noexcept {
  if (is_current()) {
    local_.push_back(job);
    return true;
  }
  std::lock_guard<std::mutex> lock(remote_mutex_);
  if (stopped_ || !running_) return false;
  remote_.push_back(job);
  remote_waiting_.store(true, std::memory_order_release);
  if (!wake_armed_) {
    wake_armed_ = true;
    alarm_.Set(cq_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), &wake_tag_);
  }
  return true;
}

void Queue::WakeTag::on_event(bool) noexcept {
  std::lock_guard<std::mutex> lock(queue_->remote_mutex_);
  queue_->wake_armed_ = false;
}

void Queue::defer_flush(Call *call) { flushes_.push_back(call); }

void Queue::insert(Call *call) noexcept {
  call->previous_ = nullptr;
  call->next_ = calls_;
  if (calls_) calls_->previous_ = call;
  calls_ = call;
}

void Queue::remove(Call *call) noexcept {
  if (call->previous_) call->previous_->next_ = call->next_;
  if (call->next_) call->next_->previous_ = call->previous_;
  if (calls_ == call) calls_ = call->next_;
  call->previous_ = call->next_ = nullptr;
}

void Queue::for_each_call(const std::function<void(Call &)> &body) {
  for (Call *call = calls_; call; call = call->next_) body(*call);
}

int64_t Queue::busy_for_ms() const noexcept {
  int64_t since = busy_since_.load(std::memory_order_relaxed);
  return since == 0 ? 0 : now_ms() - since;
}

bool Queue::take_stuck_report() noexcept { return !stuck_reported_.exchange(true, std::memory_order_relaxed); }

void Queue::take_remote() noexcept {
  if (!remote_waiting_.load(std::memory_order_acquire)) return;
  {
    std::lock_guard<std::mutex> lock(remote_mutex_);
    remote_.swap(remote_spare_);
    remote_waiting_.store(false, std::memory_order_relaxed);
  }
  local_.insert(local_.end(), remote_spare_.begin(), remote_spare_.end());
  remote_spare_.clear();
}

/// Runs a bounded number of jobs; says whether some are left.
bool Queue::run_jobs() noexcept {
  for (size_t count = 0; count < kJobsPerRound && local_head_ < local_.size(); count++) {
    uintptr_t job = local_[local_head_++];
    run_(executor_, job);
    busy_since_.store(now_ms(), std::memory_order_relaxed);
  }
  if (local_head_ < local_.size()) {
    if (local_head_ >= kJobsPerRound) {
      local_.erase(local_.begin(), local_.begin() + static_cast<std::ptrdiff_t>(local_head_));
      local_head_ = 0;
    }
    return true;
  }
  local_.clear();
  local_head_ = 0;
  return false;
}

void Queue::flush_calls() noexcept {
  // By index: a flush may resume a writer, whose next write defers another flush.
  for (size_t i = 0; i < flushes_.size(); i++) {
    flushes_[i]->flush();
    flushes_[i]->release();
  }
  flushes_.clear();
}

void Queue::loop() noexcept {
  current_queue = this;
  ::pthread_setname_np(::pthread_self(), "grpc-queue");
  bool jobs_left = false;
  for (;;) {
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (jobs_left) {
      deadline = gpr_inf_past(GPR_CLOCK_MONOTONIC);
    } else if (tick_ms_ > 0 && calls_ != nullptr) {
      deadline = deadline_in_ms(tick_ms_);
    }
    busy_since_.store(0, std::memory_order_relaxed);
    void *tag = nullptr;
    bool ok = false;
    auto status = cq_->AsyncNext(&tag, &ok, deadline);
    happens_after(this);
    busy_since_.store(now_ms(), std::memory_order_relaxed);
    stuck_reported_.store(false, std::memory_order_relaxed);
    if (status == grpc::CompletionQueue::SHUTDOWN) break;
    if (status == grpc::CompletionQueue::GOT_EVENT) static_cast<Tag *>(tag)->on_event(ok);
    take_remote();
    jobs_left = run_jobs();
    flush_calls();
    if (tick_ms_ > 0 && calls_ != nullptr) {
      int64_t now = busy_since_.load(std::memory_order_relaxed);
      if (now >= next_tick_) {
        next_tick_ = now + tick_ms_;
        tick_();
      }
    }
  }
  // Jobs that came before `stop` still run: a task that never resumes would be lost with all that it owns.
  take_remote();
  while (run_jobs()) {
  }
  flush_calls();
  current_queue = nullptr;
  busy_since_.store(0, std::memory_order_relaxed);
  auto ended = std::move(ended_);
  tick_ = nullptr;
  if (ended) ended();
}

}  // namespace cgrpc

extern "C" {

void cgrpc_queue_set_executor(cgrpc_queue *queue, void *executor, cgrpc_run_job run) {
  queue->queue->set_executor(executor, run);
}

bool cgrpc_queue_enqueue(cgrpc_queue *queue, uintptr_t job) { return queue->queue->enqueue(job); }

bool cgrpc_queue_is_current(const cgrpc_queue *queue) { return queue->queue->is_current(); }

void cgrpc_queue_release(cgrpc_queue *queue) { delete queue; }

void cgrpc_happens_before(void *address) { cgrpc::happens_before(address); }

void cgrpc_happens_after(void *address) { cgrpc::happens_after(address); }

}  // extern "C"
