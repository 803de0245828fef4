internal import CGRPC

#if canImport(Glibc)
private import Glibc
#endif

/// Cores that this process may run on.
func availableCores() -> Int {
    Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}

extension Duration {
    /// Whole milliseconds; nothing below 1 unless zero, nothing beyond what the bridge's 32 bits hold.
    var boundedMilliseconds: Int32 {
        if self <= .zero { return 0 }
        if self >= .milliseconds(Int64(Int32.max)) { return .max }
        return Int32(max(1, self.milliseconds))
    }

    var milliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        if seconds > 1 << 40 { return .max }
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Whole nanoseconds, at most what 64 bits hold.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        if seconds > 9_000_000_000 { return .max }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

extension Int {
    /// The value for a 32-bit option of the bridge.
    var bounded: Int32 { Int32(clamping: self) }
}

extension Keepalive {
    var options: cgrpc_keepalive_options {
        cgrpc_keepalive_options(
            time_ms: self.time?.boundedMilliseconds ?? 0,
            timeout_ms: self.timeout?.boundedMilliseconds ?? 0,
            min_received_ping_interval_ms: self.minimumReceivedPingInterval?.boundedMilliseconds ?? 0,
            max_connection_idle_ms: self.maximumConnectionIdle?.boundedMilliseconds ?? 0,
            max_connection_age_ms: self.maximumConnectionAge?.boundedMilliseconds ?? 0,
            max_connection_age_grace_ms: self.maximumConnectionAgeGrace?.boundedMilliseconds ?? 0,
            permit_without_calls: self.permitWithoutCalls
        )
    }
}

extension Server.Configuration {
    /// Lends the options to C.
    func withOptions<R>(_ body: (UnsafePointer<cgrpc_server_options>) throws -> R) rethrows -> R {
        var options = unsafe cgrpc_server_options()
        unsafe options.queues = self.queues.bounded
        unsafe options.keepalive = self.keepalive.options
        unsafe options.max_receive_message_bytes = self.limits.requestMessageBytes.bounded
        unsafe options.max_send_message_bytes = self.limits.responseMessageBytes?.bounded ?? 0
        unsafe options.max_metadata_bytes = self.limits.metadataBytes.bounded
        unsafe options.max_concurrent_streams = self.limits.streamsPerConnection?.bounded ?? 0
        unsafe options.max_concurrent_calls = self.limits.calls?.bounded ?? 0
        unsafe options.max_connections = self.limits.connections?.bounded ?? 0
        unsafe options.memory_quota_bytes = self.limits.bufferBytes ?? 0
        unsafe options.write_high_water_bytes = self.limits.writeHighWaterBytes
        unsafe options.write_low_water_bytes = min(self.limits.writeLowWaterBytes, self.limits.writeHighWaterBytes)
        unsafe options.slow_consumer_timeout_ms = self.limits.slowConsumerTimeout?.boundedMilliseconds ?? 0
        unsafe options.stuck_threshold_ms = self.stuckQueueThreshold?.boundedMilliseconds ?? 0
        unsafe options.compression = self.responseCompression.rawValue
        return try unsafe withOptionalCString(self.faultMethod) { fault in
            unsafe options.fault_method = fault
            guard case .tls(let tls) = self.security else { return try unsafe body(&options) }
            return try unsafe withTLSOptions(
                chain: tls.certificateChainPath,
                key: tls.privateKeyPath,
                roots: tls.clientAuthoritiesPath,
                reload: tls.reloadInterval,
                requireClientCertificate: tls.clientAuthoritiesPath != nil
            ) { tls in
                unsafe options.tls = tls
                return try unsafe body(&options)
            }
        }
    }
}

extension Client.Options {
    /// Lends the options to C.
    func withOptions<R>(_ security: ClientSecurity, _ body: (UnsafePointer<cgrpc_channel_options>) -> R) -> R {
        var options = unsafe cgrpc_channel_options()
        unsafe options.queues = self.queues.bounded
        unsafe options.keepalive = self.keepalive.options
        unsafe options.max_receive_message_bytes = self.responseMessageBytes.bounded
        unsafe options.max_send_message_bytes = self.requestMessageBytes?.bounded ?? 0
        unsafe options.max_metadata_bytes = self.metadataBytes.bounded
        unsafe options.write_high_water_bytes = self.writeHighWaterBytes
        unsafe options.write_low_water_bytes = min(self.writeLowWaterBytes, self.writeHighWaterBytes)
        unsafe options.initial_reconnect_backoff_ms = self.initialReconnectBackoff.boundedMilliseconds
        unsafe options.max_reconnect_backoff_ms = self.maximumReconnectBackoff.boundedMilliseconds
        return unsafe withOptionalCString(self.userAgent) { userAgent in
            unsafe options.user_agent = userAgent
            guard case .tls(let tls) = security else { return unsafe body(&options) }
            return unsafe withOptionalCString(tls.serverName) { name in
                unsafe options.server_name = name
                return unsafe withTLSOptions(
                    chain: tls.certificateChainPath,
                    key: tls.privateKeyPath,
                    roots: tls.authoritiesPath,
                    reload: .seconds(1),
                    requireClientCertificate: false
                ) { tls in
                    unsafe options.tls = tls
                    return unsafe body(&options)
                }
            }
        }
    }
}

/// Lends TLS options to C.
func withTLSOptions<R>(
    chain: String?,
    key: String?,
    roots: String?,
    reload: Duration,
    requireClientCertificate: Bool,
    _ body: (UnsafePointer<cgrpc_tls_options>) throws -> R
) rethrows -> R {
    try unsafe withOptionalCString(chain) { chain in
        try unsafe withOptionalCString(key) { key in
            try unsafe withOptionalCString(roots) { roots in
                var options = unsafe cgrpc_tls_options(
                    certificate_chain_path: chain,
                    private_key_path: key,
                    trust_roots_path: roots,
                    reload_seconds: UInt32(clamping: max(1, reload.components.seconds)),
                    require_client_certificate: requireClientCertificate
                )
                return try unsafe body(&options)
            }
        }
    }
}

/// Lends a string to C, or NULL.
func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) throws -> R) rethrows -> R {
    guard let string else { return try body(nil) }
    return try unsafe string.withCString { unsafe try body($0) }
}

/// Takes over a message that the bridge allocated.
func takeMessage(_ message: UnsafeMutablePointer<CChar>) -> String {
    defer { unsafe cgrpc_string_free(message) }
    return unsafe String(cString: message)
}
