#include "Call.hpp"

#include <grpc/grpc.h>
#include <grpc/slice.h>

#include <cstring>

namespace cgrpc {

static_assert(sizeof(cgrpc_slice) == sizeof(grpc_slice) && alignof(cgrpc_slice) >= alignof(grpc_slice),
              "cgrpc_slice is a grpc_slice");

namespace {

/// Statuses travel in trailers, whose default limit at the peer is 8 KiB in all.
constexpr size_t kLongestMessage = 4096;

}  // namespace

cgrpc_write_result Call::write(const cgrpc_slice &message) noexcept {
  try {
    std::unique_lock<std::mutex> lock(mutex_);
    if (ended_ || finish_requested_ || broken_) return CGRPC_WRITE_CLOSED;
    waiting_.emplace_back(as_grpc(message), grpc::Slice::ADD_REF);
    unsent_bytes_ += GRPC_SLICE_LENGTH(as_grpc(message));
    // A message that waits for its end must not make its writer wait for room.
    bool held = hold_single_ && !sent_any_ && waiting_.size() == 1;
    bool full = unsent_bytes_ > limits_.high_water && !held;
    wants_room_ = wants_room_ || full;
    schedule(lock);
    return full ? CGRPC_WRITE_FULL : CGRPC_WRITE_ROOM;
  } catch (const std::exception &error) {
    failed(error.what());
    return CGRPC_WRITE_CLOSED;
  }
}

bool Call::finish(int32_t code, cgrpc_view message) noexcept {
  try {
    std::unique_lock<std::mutex> lock(mutex_);
    if (ended_ || finish_requested_) return false;
    finish_requested_ = true;
    status_ = grpc::Status(static_cast<grpc::StatusCode>(code), trimmed_message(message));
    schedule(lock);
    return true;
  } catch (const std::exception &error) {
    failed(error.what());
    return false;
  }
}

void Call::schedule(std::unique_lock<std::mutex> &lock) {
  if (queue_->is_current()) {
    if (!flush_deferred_) {
      flush_deferred_ = true;
      retain();
      queue_->defer_flush(this);
    }
    lock.unlock();
    return;
  }
  Send send = next_send_locked();
  lock.unlock();
  perform(std::move(send));
}

void Call::flush() noexcept {
  Send send;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    flush_deferred_ = false;
    send = next_send_locked();
  }
  perform(std::move(send));
}

Call::Send Call::next_send_locked() noexcept {
  Send send;
  if (sending_ || ended_ || finish_started_ || flush_deferred_) return send;
  size_t count = waiting_.size() - waiting_head_;
  if (count == 0) {
    if (!finish_requested_) return send;
    send.kind = Send::end;
    finish_started_ = true;
  } else {
    if (hold_single_ && count == 1 && !sent_any_ && !finish_requested_) return send;
    send.slice = std::move(waiting_[waiting_head_++]);
    sending_bytes_ = send.slice.size();
    bool last = count == 1;
    if (last) {
      waiting_.clear();
      waiting_head_ = 0;
    }
    send.kind = last && finish_requested_ ? Send::message_and_end : Send::message;
    finish_started_ = send.kind == Send::message_and_end;
    // The first message carries the metadata; gRPC 1.51 never sends it when it is hinted.
    send.hint = !last && sent_any_;
    sent_any_ = true;
  }
  sending_ = true;
  sending_since_ = now_ms();
  begin_operation();
  return send;
}

void Call::perform(Send send) noexcept {
  if (send.kind == Send::nothing) return;
  try {
    start_send(std::move(send));
  } catch (const std::exception &error) {
    // The operation was counted but never started.
    failed(error.what());
    end_operation();
  }
}

void Call::on_sent(bool ok) {
  bool room = false;
  Send send;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sending_ = false;
    unsent_bytes_ -= sending_bytes_;
    sending_bytes_ = 0;
    if (!ok) {
      broken_ = true;
      close_sending_locked();
    }
    if (!ended_) send = next_send_locked();
    if (wants_room_ && unsent_bytes_ <= limits_.low_water && !ended_) {
      wants_room_ = false;
      room = true;
    }
  }
  perform(std::move(send));
  if (room && context_) callbacks_.on_writable(context_);
}

void Call::close_sending_locked() noexcept {
  waiting_.clear();
  waiting_head_ = 0;
  unsent_bytes_ = sending_bytes_;
}

int64_t Call::write_stalled_ms(int64_t now) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  return sending_ && !ended_ ? now - sending_since_ : 0;
}

void Call::end_operation() noexcept {
  if (operations_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  wire_done();
  release();
}

cgrpc_slice take_slice(grpc::ByteBuffer &buffer) {
  grpc::Slice slice;
  if (!buffer.TrySingleSlice(&slice).ok()) {
    // An empty message has no slice at all, and that is fine.
    (void)buffer.DumpToSingleSlice(&slice);
  }
  buffer.Clear();
  grpc_slice raw = slice.c_slice();
  cgrpc_slice result;
  std::memcpy(&result, &raw, sizeof result);
  return result;
}

bool is_legal_header(cgrpc_view key, cgrpc_view value) noexcept {
  if (key.count == 0 || key.bytes[0] == ':') return false;
  for (size_t i = 0; i < key.count; i++) {
    char c = key.bytes[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')) return false;
  }
  if (key.count > 4 && std::memcmp(key.bytes + key.count - 4, "-bin", 4) == 0) return true;
  for (size_t i = 0; i < value.count; i++) {
    auto c = static_cast<unsigned char>(value.bytes[i]);
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

std::string trimmed_message(cgrpc_view message) {
  size_t count = message.count;
  if (count > kLongestMessage) {
    count = kLongestMessage;
    while (count > 0 && (static_cast<unsigned char>(message.bytes[count]) & 0xc0) == 0x80) count--;
  }
  return count == 0 ? std::string() : std::string(message.bytes, count);
}

}  // namespace cgrpc

/// The handle is the call itself.
static cgrpc::Call *call_of(cgrpc_call *call) { return reinterpret_cast<cgrpc::Call *>(call); }

extern "C" {

void cgrpc_call_read(cgrpc_call *call) { call_of(call)->read(); }

cgrpc_write_result cgrpc_call_write(cgrpc_call *call, const cgrpc_slice *message) {
  return call_of(call)->write(*message);
}

bool cgrpc_call_add_header(cgrpc_call *call, cgrpc_view key, cgrpc_view value) {
  return call_of(call)->add_header(key, value);
}

bool cgrpc_call_add_trailer(cgrpc_call *call, cgrpc_view key, cgrpc_view value) {
  return call_of(call)->add_trailer(key, value);
}

bool cgrpc_call_finish(cgrpc_call *call, int32_t code, cgrpc_view message) {
  return call_of(call)->finish(code, message);
}

void cgrpc_call_cancel(cgrpc_call *call, int32_t code, cgrpc_view message) {
  call_of(call)->cancel(code, cgrpc::trimmed_message(message).c_str());
}

void cgrpc_call_release(cgrpc_call *call) { call_of(call)->release(); }

cgrpc_slice cgrpc_slice_allocate(size_t count) {
  grpc_slice raw = grpc_slice_malloc(count);
  cgrpc_slice result;
  std::memcpy(&result, &raw, sizeof result);
  return result;
}

cgrpc_slice cgrpc_slice_retain(const cgrpc_slice *slice) {
  grpc_slice raw = grpc_slice_ref(cgrpc::as_grpc(*slice));
  cgrpc_slice result;
  std::memcpy(&result, &raw, sizeof result);
  return result;
}

void cgrpc_slice_release(cgrpc_slice *slice) { grpc_slice_unref(cgrpc::as_grpc(*slice)); }

uint8_t *cgrpc_slice_bytes(cgrpc_slice *slice) { return GRPC_SLICE_START_PTR(cgrpc::as_grpc(*slice)); }

size_t cgrpc_slice_count(const cgrpc_slice *slice) { return GRPC_SLICE_LENGTH(cgrpc::as_grpc(*slice)); }

}  // extern "C"
