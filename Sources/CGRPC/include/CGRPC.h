// CGRPC: gRPC calls as bytes, over libgrpc++ completion queues that this library polls itself.
//
// Rules that hold for every function here:
// - Nothing throws. C++ exceptions are caught on this side; the call that met one ends with INTERNAL.
// - Every callback of a call runs on the thread of that call's queue, one at a time. A callback must not block.
// - Functions that take a `cgrpc_call *` may be called from any thread, also after the call has ended: they then do
//   nothing and say so.
// - "owned" means that the receiver must release; "borrowed" means valid until the function or callback returns.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: - Bytes

/// A reference-counted piece of memory (a `grpc_slice`, whose 32 bytes these are). Small contents lie inside the struct
/// itself, so a pointer to its bytes is valid only as long as the struct neither moves nor is released.
typedef struct cgrpc_slice {
    uint64_t words[4];
} cgrpc_slice;

/// Memory for `count` bytes, not initialised. Owned.
cgrpc_slice cgrpc_slice_allocate(size_t count);
/// Another reference to the same bytes. Owned.
cgrpc_slice cgrpc_slice_retain(const cgrpc_slice *slice);
void cgrpc_slice_release(cgrpc_slice *slice);
uint8_t *cgrpc_slice_bytes(cgrpc_slice *slice);
size_t cgrpc_slice_count(const cgrpc_slice *slice);

/// A piece of text or bytes that belongs to somebody else. Borrowed. Not NUL-terminated.
typedef struct cgrpc_view {
    const char *bytes;
    size_t count;
} cgrpc_view;

/// One metadata entry. Borrowed. Keys are lower case; the value of a `-bin` key is the decoded bytes.
typedef struct cgrpc_header {
    cgrpc_view key;
    cgrpc_view value;
} cgrpc_header;

typedef struct cgrpc_headers {
    const cgrpc_header *entries;
    size_t count;
} cgrpc_headers;

/// Frees a string that a function here returned as owned. NULL is fine.
void cgrpc_string_free(char *string);

// MARK: - Queues, and the executor on their threads

/// A completion queue with its one thread. Reference-counted: the server or channel holds it, and so does each handle.
typedef struct cgrpc_queue cgrpc_queue;

/// Runs one job that `cgrpc_queue_enqueue` was given, on the queue's thread.
typedef void (*cgrpc_run_job)(void *executor, uintptr_t job);

/// Attaches the executor whose jobs this queue runs. Call before the server starts. `executor` is borrowed and must
/// live until the queue's thread has ended.
void cgrpc_queue_set_executor(cgrpc_queue *queue, void *executor, cgrpc_run_job run);
/// Hands over a job, from any thread. On the queue's own thread this is an append to a list; from elsewhere it wakes
/// the queue. Returns false when the queue has ended: the job was not taken and must run somewhere else.
bool cgrpc_queue_enqueue(cgrpc_queue *queue, uintptr_t job);
/// Whether the calling thread is the queue's thread.
bool cgrpc_queue_is_current(const cgrpc_queue *queue);
/// Gives the handle back.
void cgrpc_queue_release(cgrpc_queue *queue);

// MARK: - Calls, of servers and clients alike

/// One call. Two references: the library's, which ends with `on_end`, and the one that the owner of this handle holds.
typedef struct cgrpc_call cgrpc_call;

typedef enum cgrpc_read_result {
    /// A message is there.
    CGRPC_READ_MESSAGE = 0,
    /// The peer has sent its last message.
    CGRPC_READ_END = 1,
} cgrpc_read_result;

typedef enum cgrpc_write_result {
    /// Taken, and there is room for more.
    CGRPC_WRITE_ROOM = 0,
    /// Taken, but the queue of unsent bytes is above its high-water mark: `on_writable` comes when it has drained.
    CGRPC_WRITE_FULL = 1,
    /// Not taken: the call has ended, or its sending half has.
    CGRPC_WRITE_CLOSED = 2,
} cgrpc_write_result;

/// How a call ended.
typedef struct cgrpc_end {
    /// The status code of the call. For a server: OK when the status was delivered, CANCELLED, DEADLINE_EXCEEDED, or
    /// the code with which this side cancelled it.
    int32_t code;
    cgrpc_view message;
    /// Client only: trailing metadata.
    cgrpc_headers trailers;
} cgrpc_end;

/// What a call tells its owner. `call_context` is what `on_call` returned or `cgrpc_channel_call` was given.
typedef struct cgrpc_call_callbacks {
    /// Client only: the response's metadata. At most once, before any message.
    void (*on_headers)(void *call_context, cgrpc_headers headers);
    /// The answer to `cgrpc_call_read`. `message` is owned by the callee if the result is CGRPC_READ_MESSAGE, else it
    /// is NULL.
    void (*on_message)(void *call_context, cgrpc_read_result result, cgrpc_slice *message);
    /// Room again, after CGRPC_WRITE_FULL.
    void (*on_writable)(void *call_context);
    /// The last callback of this call: `call_context` is not used again.
    void (*on_end)(void *call_context, cgrpc_end end);
} cgrpc_call_callbacks;

/// Asks for the next message; `on_message` answers. At most one request may be unanswered; more are ignored.
void cgrpc_call_read(cgrpc_call *call);
/// Queues a message. Retains `message`; its bytes must not change from now on.
cgrpc_write_result cgrpc_call_write(cgrpc_call *call, const cgrpc_slice *message);
/// Server: adds response metadata, which leaves with the first message or the status. Copies. Returns false if it is
/// too late, or if HTTP/2 cannot carry the key or value (a key is `[0-9a-z_.-]+`; the value of a key that does not end
/// in `-bin` is printable ASCII).
bool cgrpc_call_add_header(cgrpc_call *call, cgrpc_view key, cgrpc_view value);
/// Server: adds trailing metadata. Same rules.
bool cgrpc_call_add_trailer(cgrpc_call *call, cgrpc_view key, cgrpc_view value);
/// Server: the status, sent after all queued messages. Client: no more messages (code and message are ignored).
/// Returns false when that was said before or the call has ended.
bool cgrpc_call_finish(cgrpc_call *call, int32_t code, cgrpc_view message);
/// Ends the call now; unsent messages are dropped. A server's peer gets this status.
void cgrpc_call_cancel(cgrpc_call *call, int32_t code, cgrpc_view message);
/// Gives the handle back. The call goes on until it ends.
void cgrpc_call_release(cgrpc_call *call);

// MARK: - Server

typedef struct cgrpc_server cgrpc_server;

typedef struct cgrpc_tls_options {
    /// Paths of PEM files; NULL for none. Watched for changes every `reload_seconds`.
    const char *certificate_chain_path;
    const char *private_key_path;
    const char *trust_roots_path;
    uint32_t reload_seconds;
    /// Server: a client must show a certificate that `trust_roots_path` vouches for.
    bool require_client_certificate;
} cgrpc_tls_options;

typedef struct cgrpc_keepalive_options {
    /// Milliseconds. 0 leaves gRPC's default.
    int32_t time_ms;
    int32_t timeout_ms;
    int32_t min_received_ping_interval_ms;
    int32_t max_connection_idle_ms;
    int32_t max_connection_age_ms;
    int32_t max_connection_age_grace_ms;
    bool permit_without_calls;
} cgrpc_keepalive_options;

typedef struct cgrpc_server_options {
    /// Number of queues, at least 1.
    int32_t queues;
    /// NULL for plaintext.
    const cgrpc_tls_options *tls;
    cgrpc_keepalive_options keepalive;
    /// Bytes. 0 leaves gRPC's default (4 MiB receive, no limit for send, 8 KiB metadata).
    int32_t max_receive_message_bytes;
    int32_t max_send_message_bytes;
    int32_t max_metadata_bytes;
    /// Per connection; 0 means no limit.
    int32_t max_concurrent_streams;
    /// In the whole server; 0 means no limit. More are refused with RESOURCE_EXHAUSTED.
    int32_t max_concurrent_calls;
    /// In the whole server; 0 means as many as file descriptors allow. More are closed at once.
    int32_t max_connections;
    /// Bytes that the server's buffers may take in all; 0 means no limit.
    size_t memory_quota_bytes;
    /// Bytes of unsent messages per call at which writers are told to wait, and at which they are woken.
    size_t write_high_water_bytes;
    size_t write_low_water_bytes;
    /// A call whose peer takes nothing for this long is cancelled with RESOURCE_EXHAUSTED; 0 means never.
    int32_t slow_consumer_timeout_ms;
    /// A queue's thread that is in one job for longer than this is reported; 0 means never.
    int32_t stuck_threshold_ms;
    /// Compression of responses: 0 none, 1 deflate, 2 gzip.
    int32_t compression;
    /// For tests of the exception barrier: a call of this method throws inside the bridge. NULL otherwise.
    const char *fault_method;
} cgrpc_server_options;

/// A call that has come in. Everything in it is borrowed.
typedef struct cgrpc_call_info {
    /// The index that `cgrpc_server_add_method` returned, or -1 for a method nobody added.
    int32_t method_index;
    /// "/package.Service/Method"
    cgrpc_view method;
    cgrpc_headers headers;
    /// gRPC's name for the peer: "ipv4:127.0.0.1:50111", "unix:".
    cgrpc_view peer;
    /// The client's certificate identities (subject alternative names, else the common name), separated by ", ".
    /// Empty without mutual TLS.
    cgrpc_view peer_identity;
    /// Nanoseconds until the deadline; INT64_MAX without one.
    int64_t nanoseconds_left;
    /// The queue to which the call belongs.
    int32_t queue_index;
    /// The first message, if it came along (owned by the callee), else NULL.
    cgrpc_slice *message;
    /// No (further) message will come.
    bool ended_requests;
} cgrpc_call_info;

typedef enum cgrpc_event {
    /// A queue's thread has been in one job for `value` milliseconds; `index` is the queue.
    CGRPC_EVENT_STUCK_QUEUE = 0,
    /// accept(2) failed with errno `value`; the listener goes on.
    CGRPC_EVENT_ACCEPT_FAILED = 1,
    /// A connection was refused because `value` are open.
    CGRPC_EVENT_CONNECTION_REFUSED = 2,
    /// A call was cancelled since its peer took nothing for `value` milliseconds.
    CGRPC_EVENT_SLOW_CONSUMER = 3,
} cgrpc_event;

typedef struct cgrpc_server_callbacks {
    /// Passed to the four functions below. Owned by the server from a successful `cgrpc_server_start` until
    /// `on_terminated` has returned.
    void *context;
    /// A call has come in. The callee owns `call`. Returns the call's context for `call_callbacks`.
    void *(*on_call)(void *context, cgrpc_call *call, const cgrpc_call_info *info);
    /// Something that an operator wants to know. From any thread of the server.
    void (*on_event)(void *context, cgrpc_event event, int32_t index, int64_t value);
    /// No call is open any more, no connection either, and none can come. From a thread of its own.
    void (*on_stopped)(void *context);
    /// All threads have ended; the last callback of the server.
    void (*on_terminated)(void *context);
    cgrpc_call_callbacks call_callbacks;
} cgrpc_server_callbacks;

typedef struct cgrpc_server_counters {
    int64_t connections_open;
    int64_t connections_accepted;
    int64_t connections_refused;
    int64_t calls_open;
    int64_t calls_started;
    int64_t calls_refused;
    int64_t slow_consumers;
    int64_t stuck_queues;
} cgrpc_server_counters;

/// Copies the options. Owned. NULL only if memory is out.
cgrpc_server *cgrpc_server_create(const cgrpc_server_options *options);
/// Adds an address to listen on, before the start: a host and a port, or with `port` < 0 the path of a UNIX socket.
void cgrpc_server_add_address(cgrpc_server *server, const char *host_or_path, int32_t port);
/// Registers a method, before the start. With `single_request` a call is announced together with its one message; with
/// `single_response` the message waits for the status, so that both leave together.
int32_t cgrpc_server_add_method(cgrpc_server *server, const char *path, bool single_request, bool single_response);
/// The queue with that index, owned.
cgrpc_queue *cgrpc_server_queue(cgrpc_server *server, int32_t index);
/// Binds and listens, without taking connections yet. NULL if all is well, else an owned message for the operator; the
/// server can then only be released.
char *cgrpc_server_bind(cgrpc_server *server);
/// Serves, after the bind. NULL if all is well, else an owned message; the server can then only be released, and no
/// callback comes.
char *cgrpc_server_start(cgrpc_server *server, const cgrpc_server_callbacks *callbacks);
/// The port of the address with that index, in the order in which they were added. After the bind.
int32_t cgrpc_server_port(const cgrpc_server *server, int32_t index);
/// Stops listening and refuses new calls with UNAVAILABLE, `grpc-retry-pushback-ms` and `details` (a serialised
/// google.rpc.Status for `grpc-status-details-bin`; may be empty). Connections are told to go away `goaway_ms` later or
/// when the last call ends. Calls still open after `grace_ms` are cancelled. Then `on_stopped` comes. A second call can
/// shorten the grace, never lengthen it.
void cgrpc_server_shutdown(
    cgrpc_server *server, int64_t grace_ms, int64_t goaway_ms, int64_t pushback_ms, cgrpc_view details);
/// After `on_stopped`, when no more jobs will be enqueued: ends the queues' threads. `on_terminated` follows.
void cgrpc_server_end_queues(cgrpc_server *server);
cgrpc_server_counters cgrpc_server_read_counters(cgrpc_server *server);
/// Gives the handle back. A server that was started must have been shut down.
void cgrpc_server_release(cgrpc_server *server);

// MARK: - Client

typedef struct cgrpc_channel cgrpc_channel;

typedef struct cgrpc_channel_options {
    int32_t queues;
    /// NULL for plaintext.
    const cgrpc_tls_options *tls;
    /// The name to expect in the server's certificate; NULL for the target's own.
    const char *server_name;
    cgrpc_keepalive_options keepalive;
    int32_t max_receive_message_bytes;
    int32_t max_send_message_bytes;
    int32_t max_metadata_bytes;
    size_t write_high_water_bytes;
    size_t write_low_water_bytes;
    /// Milliseconds; 0 leaves gRPC's defaults (1 s growing to 120 s).
    int32_t initial_reconnect_backoff_ms;
    int32_t max_reconnect_backoff_ms;
    /// Put in front of gRPC's own user agent. NULL for none.
    const char *user_agent;
} cgrpc_channel_options;

typedef struct cgrpc_call_options {
    /// "/package.Service/Method", NUL-terminated.
    const char *method;
    cgrpc_headers headers;
    /// Nanoseconds from now; INT64_MAX for none.
    int64_t timeout_ns;
    bool wait_for_ready;
    /// As for `cgrpc_server_add_method`.
    bool single_request;
    bool single_response;
    /// 0 none, 1 deflate, 2 gzip.
    int32_t compression;
} cgrpc_call_options;

/// A channel to `target` ("127.0.0.1:50051", "unix:/path", "dns:///host:port"). It connects when first used. On failure
/// returns NULL and sets `error` to an owned message.
cgrpc_channel *cgrpc_channel_create(
    const char *target, const cgrpc_channel_options *options, const cgrpc_call_callbacks *callbacks, char **error);
/// Prepares a call. The caller owns the handle and must start or cancel the call. NULL if the channel has been shut
/// down, or `headers` holds an entry that HTTP/2 cannot carry, whose key `error` then names (owned); no callback comes
/// in that case.
cgrpc_call *cgrpc_channel_call(
    cgrpc_channel *channel, const cgrpc_call_options *options, void *call_context, char **error);
/// Starts a prepared call, once. Callbacks may come before this returns.
void cgrpc_call_start(cgrpc_call *call);
/// No more calls. The threads end with the last call. Does not wait.
void cgrpc_channel_shutdown(cgrpc_channel *channel);
/// Gives the handle back, after `cgrpc_channel_shutdown`.
void cgrpc_channel_release(cgrpc_channel *channel);

// MARK: - The process

/// Raises the soft limit of file descriptors to the hard one. Returns the limit in force.
int64_t cgrpc_raise_file_limit(void);
/// For ThreadSanitizer, which does not see locks in libraries that are not instrumented: what a thread did before
/// `happens_before` comes before what another does after `happens_after` with the same address. Otherwise nothing.
void cgrpc_happens_before(void *address);
void cgrpc_happens_after(void *address);
/// The version of libgrpc++ that is linked, e.g. "1.51.1". Static.
const char *cgrpc_version(void);

#ifdef __cplusplus
}
#endif
