internal import CGRPC
internal import GRPCCore

/// The bridge's channel, with the conversions to and from it. Its threads end with the last call after a shutdown.
@safe
final class ClientRuntime: Sendable {
    private nonisolated(unsafe) let channel: OpaquePointer

    /// - Throws: `RPCError` with `.failedPrecondition` if the options cannot work, such as a file that is not there.
    init(target: Address, security: ClientSecurity, options: Client.Options) throws {
        var callbacks = ClientRuntime.callbacks
        var problem: UnsafeMutablePointer<CChar>?
        let name: String =
            switch target {
            case .hostPort: target.description
            // With an absolute path gRPC wants the form with an (empty) authority.
            case .unixDomainSocket(let path): path.hasPrefix("/") ? "unix://\(path)" : "unix:\(path)"
            }
        let channel = unsafe options.withOptions(security) { options in
            unsafe cgrpc_channel_create(name, options, &callbacks, &problem)
        }
        guard let channel = unsafe channel else {
            let message = unsafe problem.map { unsafe takeMessage($0) } ?? "The channel could not be made."
            throw RPCError(code: .failedPrecondition, message: message)
        }
        unsafe self.channel = channel
    }

    deinit {
        unsafe cgrpc_channel_shutdown(self.channel)
        unsafe cgrpc_channel_release(self.channel)
    }

    func shutdown() { unsafe cgrpc_channel_shutdown(self.channel) }

    /// Prepares a call, whose callbacks hold a reference to `call` until it has ended.
    func prepare(
        _ call: ClientCall, descriptor: MethodDescriptor, metadata: Metadata, options: CallOptions
    ) throws -> CallHandle {
        var entries = HeaderArena()
        try unsafe metadata.forEachView { key, value in unsafe entries.append(key, value) }
        let timeout = [options.timeout, metadata.timeout].compactMap { $0 }.min()
        var problem: UnsafeMutablePointer<CChar>?
        let context = unsafe Unmanaged.passRetained(call)
        let handle = unsafe entries.withHeaders { headers in
            unsafe "/\(descriptor.fullyQualifiedMethod)".withCString { method in
                var call = unsafe cgrpc_call_options()
                unsafe call.method = method
                unsafe call.headers = headers
                unsafe call.timeout_ns = timeout.map { max(0, $0.nanoseconds) } ?? .max
                unsafe call.wait_for_ready = options.waitForReady ?? false
                unsafe call.single_request = descriptor.type.map { !$0.isRequestStreaming } ?? false
                unsafe call.single_response = descriptor.type.map { !$0.isResponseStreaming } ?? false
                unsafe call.compression = options.compression.map { $0.forBridge } ?? 0
                return unsafe cgrpc_channel_call(self.channel, &call, context.toOpaque(), &problem)
            }
        }
        if let handle = unsafe handle { return unsafe CallHandle(handle) }
        unsafe context.release()
        if let problem = unsafe problem { throw unsafe RPCError.illegalMetadata(key: takeMessage(problem)) }
        throw RPCError(code: .failedPrecondition, message: "The client transport is closed.")
    }

    private static var callbacks: cgrpc_call_callbacks {
        var callbacks = cgrpc_call_callbacks()
        unsafe callbacks.on_headers = { context, headers in
            guard let context = unsafe context else { return }
            unsafe ClientRuntime.call(context).onHeaders(Metadata(headers))
        }
        unsafe callbacks.on_message = { context, _, slice in
            guard let context = unsafe context, let slice = unsafe slice else { return }
            unsafe ClientRuntime.call(context).onMessage(Bytes(owning: slice.pointee))
        }
        unsafe callbacks.on_writable = { context in
            guard let context = unsafe context else { return }
            unsafe ClientRuntime.call(context).onRoom()
        }
        unsafe callbacks.on_end = { context, end in
            guard let context = unsafe context else { return }
            // The reference that the bridge held.
            let call = unsafe Unmanaged<ClientCall>.fromOpaque(context).takeRetainedValue()
            unsafe call.onEnd(
                Status(code: end.code, message: String(end.message)), trailers: Metadata(end.trailers))
        }
        return callbacks
    }

    private static func call(_ context: UnsafeMutableRawPointer) -> ClientCall {
        unsafe Unmanaged<ClientCall>.fromOpaque(context).takeUnretainedValue()
    }
}

/// Metadata entries copied side by side, so that all can be lent to C at once.
private struct HeaderArena {
    private var bytes: [CChar] = []
    private var ends: [(key: Int, value: Int)] = []

    mutating func append(_ key: cgrpc_view, _ value: cgrpc_view) {
        unsafe self.bytes.append(contentsOf: UnsafeBufferPointer(start: key.bytes, count: key.count))
        let keyEnd = self.bytes.count
        unsafe self.bytes.append(contentsOf: UnsafeBufferPointer(start: value.bytes, count: value.count))
        self.ends.append((keyEnd, self.bytes.count))
    }

    func withHeaders<R>(_ body: (cgrpc_headers) -> R) -> R {
        unsafe self.bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            let entries = unsafe self.ends.map { end in
                defer { start = end.value }
                return unsafe cgrpc_header(
                    key: cgrpc_view(bytes: bytes.baseAddress.map { unsafe $0 + start }, count: end.key - start),
                    value: cgrpc_view(bytes: bytes.baseAddress.map { unsafe $0 + end.key }, count: end.value - end.key)
                )
            }
            return unsafe entries.withUnsafeBufferPointer { entries in
                unsafe body(cgrpc_headers(entries: entries.baseAddress, count: entries.count))
            }
        }
    }
}

extension CompressionAlgorithm {
    /// The bridge's number for it.
    var forBridge: Int32 {
        switch self {
        case .gzip: Compression.gzip.rawValue
        case .deflate: Compression.deflate.rawValue
        default: Compression.none.rawValue
        }
    }
}

extension Metadata {
    /// GRPCCore hands deadlines over as a `grpc-timeout` entry: up to eight digits and a unit.
    fileprivate var timeout: Duration? {
        guard let text = self[stringValues: "grpc-timeout"].first(where: { _ in true }), let unit = text.last,
            let amount = Int64(text.dropLast())
        else { return nil }
        return switch unit {
        case "H": .seconds(amount * 3600)
        case "M": .seconds(amount * 60)
        case "S": .seconds(amount)
        case "m": .milliseconds(amount)
        case "u": .microseconds(amount)
        case "n": .nanoseconds(amount)
        default: nil
        }
    }
}
