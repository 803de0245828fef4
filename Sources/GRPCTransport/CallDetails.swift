internal import CGRPC
public import GRPCCore

/// What this transport knows of a call beyond gRPC's common ground: `context.transportSpecific as? CallDetails`.
public struct CallDetails: ServerContext.TransportSpecific {
    /// When the client stops waiting. The handler's task is cancelled then. Nil: it waits for ever.
    public let deadline: ContinuousClock.Instant?
    /// Who the client is by its certificate (alternative names, else the common name). Nil without mutual TLS.
    public let peerIdentity: String?
    /// When the call had come in with its first message; nil when it came without one, which then is waited for.
    public let receivedAt: ContinuousClock.Instant?

    /// For calls that come another way, and are to be treated as this transport's.
    public init(
        deadline: ContinuousClock.Instant?,
        peerIdentity: String? = nil,
        receivedAt: ContinuousClock.Instant? = nil
    ) {
        self.deadline = deadline
        self.peerIdentity = peerIdentity
        self.receivedAt = receivedAt
    }

    init(_ info: cgrpc_call_info) {
        let now = ContinuousClock.now
        let nanoseconds = unsafe info.nanoseconds_left
        self.deadline = nanoseconds == .max ? nil : now + .nanoseconds(nanoseconds)
        self.receivedAt = unsafe info.message == nil ? nil : now
        self.peerIdentity = unsafe info.peer_identity.count == 0 ? nil : unsafe String(info.peer_identity)
    }
}

extension MethodDescriptor {
    /// Reads "/package.Service/Method" of a call for which nobody has registered.
    init(path: String) {
        let parts = path.drop { $0 == "/" }.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(
            fullyQualifiedService: parts.first.map(String.init) ?? "",
            method: parts.count > 1 ? String(parts[1]) : ""
        )
    }
}
