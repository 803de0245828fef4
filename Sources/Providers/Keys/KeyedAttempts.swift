import Inference

/// Sends what needs a key, and sends it again with the next key when the upstream refuses one.
struct KeyedAttempts: Sendable {
    /// `nil`: the upstream wants no key.
    let ring: KeyRing?
    /// Where the key stands in a request; `nil`: nowhere.
    let field: KeyField?

    /// One sending.
    struct Attempt: Sendable {
        var lease: KeyRing.Lease?
        /// The key's field.
        var key: (name: String, value: String)?
        /// What was spent before, in whole milliseconds.
        var elapsed: Duration = .zero

        var secret: Secret? { self.lease?.secret }
    }

    /// Calls `body` with the key to use, and again at once with another when it met a fault that is the key's: at most once
    /// with each.
    ///
    /// - Throws: of the faults that keys met, the one that leaves most hope, naming the key by its place; any other at once.
    func run<Result>(
        for model: String, _ body: (Attempt) async throws(UpstreamFault) -> Result
    ) async throws(UpstreamFault) -> Result {
        guard let ring = self.ring else { return try await body(Attempt()) }
        let start = ContinuousClock.now
        var tried: [Secret] = []
        var met: UpstreamFault?
        while true {
            let lease = try await Self.lease(ring, model, besides: tried, after: met)
            let milliseconds = (ContinuousClock.now - start) / Duration.milliseconds(1)
            let attempt = Attempt(
                lease: lease, key: self.field?.field(lease.secret), elapsed: .milliseconds(Int(milliseconds)))
            do throws(UpstreamFault) {
                return try await body(attempt)
            } catch {
                guard error.concernsKey else { throw error }
                ring.report(error, of: lease, for: model)
                let fault = lease.naming(error)
                met = met.map { $0.hope(orThatOf: fault) } ?? fault
                tried.append(lease.secret)
            }
        }
    }

    private static func lease(
        _ ring: KeyRing, _ model: String, besides tried: [Secret], after met: UpstreamFault?
    ) async throws(UpstreamFault) -> KeyRing.Lease {
        do throws(UpstreamFault) {
            return try await ring.take(for: model, besides: tried)
        } catch {
            // What an upstream said is worth more than that no key is left.
            if let met, error.kind != .cancelled { throw met }
            throw error
        }
    }
}

extension KeyRing.Lease {
    /// `fault` with the key named that met it, where there are several.
    func naming(_ fault: UpstreamFault) -> UpstreamFault {
        guard self.count > 1 else { return fault }
        var fault = fault
        fault.message = "\(self): \(fault.message)"
        return fault
    }
}

extension UpstreamFault {
    /// Of two faults that keys of one provider met, the one after which more may be hoped for: a limit ends, the soonest
    /// first; a rejection does not.
    fileprivate func hope(orThatOf other: UpstreamFault) -> UpstreamFault {
        guard case .rateLimited(let otherDelay) = other.kind else { return self }
        guard case .rateLimited(let delay) = self.kind else { return other }
        guard let otherDelay else { return self }
        return otherDelay < delay ?? .seconds(Int.max) ? other : self
    }
}
