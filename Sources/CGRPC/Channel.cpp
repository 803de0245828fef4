// The C face of channels: options in, a channel or a message out.
#include "ClientCall.hpp"
#include "Mutexes.hpp"
#include "Server.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstring>
#include <fstream>
#include <sstream>

namespace cgrpc {

namespace {

std::string content_of(const std::string &path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const std::optional<TLSOptions> &tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  // Empty roots mean those of the system.
  if (!tls->trust_roots_path.empty()) options.pem_root_certs = content_of(tls->trust_roots_path);
  if (!tls->certificate_chain_path.empty()) {
    options.pem_cert_chain = content_of(tls->certificate_chain_path);
    options.pem_private_key = content_of(tls->private_key_path);
  }
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments arguments(const cgrpc_channel_options &options) {
  grpc::ChannelArguments arguments;
  apply(options.keepalive, [&](const std::string &key, int value) { arguments.SetInt(key, value); });
  if (options.max_receive_message_bytes) arguments.SetMaxReceiveMessageSize(options.max_receive_message_bytes);
  if (options.max_send_message_bytes) arguments.SetMaxSendMessageSize(options.max_send_message_bytes);
  if (options.max_metadata_bytes) arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, options.max_metadata_bytes);
  if (options.initial_reconnect_backoff_ms) {
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, options.initial_reconnect_backoff_ms);
  }
  if (options.max_reconnect_backoff_ms) {
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, options.max_reconnect_backoff_ms);
  }
  if (options.user_agent) arguments.SetUserAgentPrefix(options.user_agent);
  if (options.server_name) arguments.SetSslTargetNameOverride(options.server_name);
  // A pool of its own keeps two clients of one process apart.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

char *owned(const std::string &text) { return ::strdup(text.c_str()); }

}  // namespace

}  // namespace cgrpc

extern "C" {

cgrpc_channel *cgrpc_channel_create(const char *target, const cgrpc_channel_options *options,
                                    const cgrpc_call_callbacks *callbacks, char **error) {
  try {
    cgrpc::search_no_lock_cycles();
    std::optional<cgrpc::TLSOptions> tls;
    if (options->tls) {
      tls.emplace(*options->tls);
      if (auto problem = cgrpc::problem_with(*tls)) {
        *error = cgrpc::owned(*problem);
        return nullptr;
      }
    }
    auto channel =
        grpc::CreateCustomChannel(target, cgrpc::channel_credentials(tls), cgrpc::arguments(*options));
    cgrpc::WriteLimits limits{options->write_high_water_bytes, options->write_low_water_bytes};
    return new cgrpc_channel{
        std::make_shared<cgrpc::Channel>(std::move(channel), *callbacks, limits, options->queues)};
  } catch (const std::exception &exception) {
    *error = cgrpc::owned(std::string("The channel could not be made: ") + exception.what());
    return nullptr;
  }
}

cgrpc_call *cgrpc_channel_call(cgrpc_channel *channel, const cgrpc_call_options *options, void *call_context,
                               char **error) {
  for (size_t i = 0; i < options->headers.count; i++) {
    const auto &entry = options->headers.entries[i];
    if (!cgrpc::is_legal_header(entry.key, entry.value)) {
      *error = cgrpc::owned(cgrpc::string(entry.key));
      return nullptr;
    }
  }
  if (!channel->channel->open_call()) return nullptr;
  try {
    auto *call = new cgrpc::ClientCall(channel->channel, channel->channel->next_queue(), *options, call_context);
    call->retain();  // the handle
    return reinterpret_cast<cgrpc_call *>(static_cast<cgrpc::Call *>(call));
  } catch (const std::exception &) {
    channel->channel->close_call();
    return nullptr;
  }
}

void cgrpc_call_start(cgrpc_call *call) {
  static_cast<cgrpc::ClientCall *>(reinterpret_cast<cgrpc::Call *>(call))->start();
}

void cgrpc_channel_shutdown(cgrpc_channel *channel) { channel->channel->shutdown(); }

void cgrpc_channel_release(cgrpc_channel *channel) { delete channel; }

}  // extern "C"
