package import Inference

/// Whether a model fits on the machine, and how fast it would answer. Pure.
package struct ModelFitness: Sendable, Hashable {
    package var fit: Fit
    /// Why, in a sentence with figures.
    package var reason: String
    /// What it would take in all memories together, in bytes; 0 when not known.
    package var requiredBytes: Int64
    /// Where most of it would lie; `nil` when not known.
    package var device: MemoryDevice?
    /// Tokens of an answer in a second; 0 when not known.
    package var tokensPerSecond: Double
    /// Whether a profile measured that; else it is an estimate.
    package var isMeasured: Bool

    package var speed: SpeedClass? { SpeedClass(tokensPerSecond: self.tokensPerSecond) }

    /// The better ones are smaller.
    package enum Fit: Int, Sendable, Hashable, CaseIterable, Comparable {
        /// With room to spare.
        case well
        /// Only when others are unloaded, or with little room to spare.
        case barely
        /// Not at all.
        case not
        /// Its size or its memory is not known.
        case unknown

        package static func < (left: Fit, right: Fit) -> Bool { left.rawValue < right.rawValue }
    }

    /// A model, as far as this question goes.
    package struct Subject: Sendable, Hashable {
        /// What loading it takes, by the owner of all loads; `nil` for one that nobody would load.
        package var plan: LoadPlan?
        /// Of its file, or as its provider lists it; 0 when not known. Stands in where the plan has no figures.
        package var sizeBytes: Int64
        /// Whether it answers with tokens, whose number in a second makes sense.
        package var isText: Bool
        /// What a profile measured.
        package var measuredTokensPerSecond: Double?
        /// Who runs it.
        package var place: Place

        package enum Place: Sendable, Hashable {
            /// Our own engines: memory is counted by device.
            case ours
            /// Another program of this machine, which looks after its memory itself.
            case thisMachine(program: String)
            /// Somewhere whose memory cannot be seen.
            case elsewhere
        }

        package init(
            plan: LoadPlan?,
            sizeBytes: Int64 = 0,
            isText: Bool = true,
            measuredTokensPerSecond: Double? = nil,
            place: Place = .ours
        ) {
            self.plan = plan
            self.sizeBytes = sizeBytes
            self.isText = isText
            self.measuredTokensPerSecond = measuredTokensPerSecond
            self.place = place
        }
    }

    /// - Parameters:
    ///   - devices: The memories as they stand, for models whose plan does not tell.
    ///   - bandwidths: ``HardwareReading/bandwidths``.
    package init(of subject: Subject, devices: [DeviceMemory], bandwidths: [MemoryDevice: Int64]) {
        let room = Room(subject, devices)
        self.fit = room.fit
        self.reason = room.reason
        self.requiredBytes = room.required.values.reduce(0) { $0.saturatingSum($1) }
        self.device = room.required.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        self.tokensPerSecond = 0
        self.isMeasured = false
        guard subject.isText else { return }
        if let measured = subject.measuredTokensPerSecond, measured > 0 {
            self.tokensPerSecond = measured
            self.isMeasured = true
        } else if room.fit == .well || room.fit == .barely {
            self.tokensPerSecond = Self.speed(of: subject, in: room.required, bandwidths)
        }
    }

    /// An engine reads memory this well, compared to a program that does nothing else.
    private static let efficiency = 0.7
    /// What a token takes beside reading, in seconds: choosing it, and sending it on. Only tiny models notice. With these
    /// two figures the estimates were within a fourth of what profiles of 1 MB, 6 MB and 487 MB measured.
    private static let overhead = 0.000_25

    /// Each token reads the weights that work on it, and what the context so far has left in the cache: half of it is
    /// taken to be full.
    private static func speed(
        of subject: Subject,
        in required: [MemoryDevice: Int64],
        _ bandwidths: [MemoryDevice: Int64]
    ) -> Double {
        let estimate = subject.plan?.estimate ?? MemoryEstimate()
        let weights = estimate.activeWeightBytes ?? estimate.weightBytes
        let read = Double(weights > 0 ? weights : subject.sizeBytes) + Double(estimate.cacheBytes) / 2
        let total = required.values.reduce(0.0) { $0 + Double($1) }
        guard read > 0, total > 0 else { return 0 }
        var seconds = Self.overhead
        for (device, bytes) in required where bytes > 0 {
            guard let bandwidth = bandwidths[device], bandwidth > 0 else { return 0 }
            seconds += read * Double(bytes) / total / (Double(bandwidth) * Self.efficiency)
        }
        return 1 / seconds
    }
}

/// How fast a model answers, as people notice it.
package enum SpeedClass: Sendable, Hashable, CaseIterable {
    /// Under 5 tokens in a second.
    case slow
    /// 5 to 20: about as fast as people read.
    case reading
    /// 20 to 100.
    case fast
    /// More.
    case veryFast

    /// `nil` for 0, which is not known.
    package init?(tokensPerSecond: Double) {
        switch tokensPerSecond {
        case 100...: self = .veryFast
        case 20...: self = .fast
        case 5...: self = .reading
        case _ where tokensPerSecond > 0: self = .slow
        default: return nil
        }
    }
}

extension Int64 {
    fileprivate func saturatingSum(_ other: Int64) -> Int64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
