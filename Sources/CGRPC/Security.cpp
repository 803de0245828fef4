// Credentials and the channel arguments that servers and channels share.
#include "Server.hpp"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace cgrpc {

namespace {

std::string path_or_empty(const char *path) { return path ? path : ""; }

std::optional<std::string> problem_with_file(const char *what, const std::string &path, const char *marker) {
  std::ifstream file(path);
  if (!file) return std::string("Cannot read the ") + what + " " + path + ": " + std::strerror(errno) + ".";
  std::stringstream content;
  content << file.rdbuf();
  if (content.str().find(marker) == std::string::npos) {
    return std::string("The ") + what + " " + path + " is not in PEM format: it has no line \"-----" + marker +
           "...\".";
  }
  return std::nullopt;
}

}  // namespace

TLSOptions::TLSOptions(const cgrpc_tls_options &options)
    : certificate_chain_path(path_or_empty(options.certificate_chain_path)),
      private_key_path(path_or_empty(options.private_key_path)),
      trust_roots_path(path_or_empty(options.trust_roots_path)),
      reload_seconds(std::max(1u, options.reload_seconds)),
      require_client_certificate(options.require_client_certificate) {}

std::optional<std::string> problem_with(const TLSOptions &options) {
  if (!options.certificate_chain_path.empty()) {
    if (auto p = problem_with_file("certificate chain", options.certificate_chain_path, "BEGIN CERTIFICATE")) return p;
  }
  if (!options.private_key_path.empty()) {
    if (auto p = problem_with_file("private key", options.private_key_path, "BEGIN ")) return p;
  }
  if (!options.trust_roots_path.empty()) {
    if (auto p = problem_with_file("trust roots", options.trust_roots_path, "BEGIN CERTIFICATE")) return p;
  }
  return std::nullopt;
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::optional<TLSOptions> &tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  using namespace grpc::experimental;
  // The provider reads the files now and again whenever they change.
  auto provider = std::make_shared<FileWatcherCertificateProvider>(
      tls->private_key_path, tls->certificate_chain_path, tls->trust_roots_path, tls->reload_seconds);
  TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!tls->trust_roots_path.empty()) options.watch_root_certs();
  options.set_cert_request_type(tls->require_client_certificate
                                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return TlsServerCredentials(options);
}

void apply(const cgrpc_keepalive_options &keepalive, const std::function<void(const std::string &, int)> &set) {
  auto set_if = [&set](const char *key, int value) {
    if (value != 0) set(key, value);
  };
  set_if(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive.time_ms);
  set_if(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive.timeout_ms);
  set_if(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, keepalive.min_received_ping_interval_ms);
  set_if(GRPC_ARG_MAX_CONNECTION_IDLE_MS, keepalive.max_connection_idle_ms);
  set_if(GRPC_ARG_MAX_CONNECTION_AGE_MS, keepalive.max_connection_age_ms);
  set_if(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, keepalive.max_connection_age_grace_ms);
  if (keepalive.permit_without_calls) {
    set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    // Otherwise gRPC stops its keepalive pings after two on a connection that carries no data.
    set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
}

}  // namespace cgrpc
