/// Everything that is known of a model, or of the system, in some time: counts and how long things took.
///
/// Of a model, times and attempts are its own: from when it was asked. Of the system, they are what clients saw: from when
/// their request arrived.
package struct MetricFigures: Sendable, Equatable {
    package var counts = MetricCounts()
    /// What requests waited in our own queues; those that did not wait are not in it.
    package var queue = LatencyHistogram()
    /// Of streamed answers.
    package var firstToken = LatencyHistogram()
    /// The mean gap of each streamed answer.
    package var interToken = LatencyHistogram()
    /// Whole answers. Those that failed are not in it.
    package var total = LatencyHistogram()

    package init() {}

    package var isEmpty: Bool { self.counts == MetricCounts() && self.total.isEmpty && self.queue.isEmpty }

    package mutating func merge(_ other: MetricFigures) {
        self.counts.merge(other.counts)
        self.queue.merge(other.queue)
        self.firstToken.merge(other.firstToken)
        self.interToken.merge(other.interToken)
        self.total.merge(other.total)
    }

    /// Forgets everything and keeps the memory.
    mutating func reset() {
        self.counts = MetricCounts()
        self.queue.reset()
        self.firstToken.reset()
        self.interToken.reset()
        self.total.reset()
    }

    // MARK: - The stored form

    private static let storedVersion: UInt8 = 1

    /// For the store: a version, the counts, then the four histograms.
    package var stored: [UInt8] {
        var writer = ByteWriter()
        writer.write(byte: Self.storedVersion)
        self.counts.write(to: &writer)
        for histogram in [self.queue, self.firstToken, self.interToken, self.total] { histogram.write(to: &writer) }
        return writer.bytes
    }

    /// - Throws: when the bytes are not what ``stored`` gave.
    package init(stored: [UInt8]) throws(StoredFormError) {
        self.init()
        try self.merge(stored: stored)
    }

    /// Adds stored figures.
    ///
    /// - Throws: when the bytes are wrong; something of them may have been added by then.
    package mutating func merge(stored: [UInt8]) throws(StoredFormError) {
        var reader = ByteReader(stored)
        let version = try reader.byte()
        guard version == Self.storedVersion else { throw .unknownVersion(version) }
        try self.counts.merge(from: &reader)
        try self.queue.merge(from: &reader)
        try self.firstToken.merge(from: &reader)
        try self.interToken.merge(from: &reader)
        try self.total.merge(from: &reader)
        try reader.end()
    }

    // MARK: - Recording

    /// Counts a request as its client saw it.
    mutating func addSystem(_ request: FinishedRequest) {
        self.counts.add(to: request.outcome)
        self.counts.add(attempts: request.outcome)
        for failure in request.failedAttempts where failure.isRefused { self.counts.add(to: .refusals) }
        self.addCommon(
            request, isAnswered: request.outcome == .success, total: request.latency, firstToken: request.firstToken)
    }

    /// Counts a request at the model that answered it or was tried last.
    mutating func addModel(_ request: FinishedRequest) {
        self.counts.add(to: request.outcome)
        if request.isAnswered {
            self.counts.add(attempts: .success)
        } else if request.cache != .hit && request.failedAttempts.last?.model != request.model {
            // No attempt of it failed: the client left it, or was at fault.
            self.counts.add(attempts: request.outcome)
        }
        self.addCommon(
            request, isAnswered: request.isAnswered, total: request.modelLatency, firstToken: request.modelFirstToken)
    }

    /// Counts an attempt at this model that failed.
    mutating func addFailure(_ failure: FinishedRequest.FailedAttempt) {
        self.counts.add(attempts: failure.outcome)
        if failure.isRefused { self.counts.add(to: .refusals) }
    }

    private mutating func addCommon(
        _ request: FinishedRequest, isAnswered: Bool, total: Int64, firstToken: Int64?
    ) {
        if isAnswered && !request.failedAttempts.isEmpty { self.counts.add(to: .fallbacks) }
        self.counts.add(request.inputTokens, to: .inputTokens)
        self.counts.add(request.outputTokens, to: .outputTokens)
        self.counts.add(request.cachedInputTokens, to: .cachedInputTokens)
        self.counts.add(request.reasoningTokens, to: .reasoningTokens)
        self.counts.add(request.costNanoUSD, to: .cost)
        switch request.cache {
        case .notAsked: break
        case .hit: self.counts.add(to: .cacheHits)
        case .miss: self.counts.add(to: .cacheMisses)
        }
        if let queue = request.queue, queue > 0 { self.queue.add(queue) }
        guard isAnswered else { return }
        self.total.add(total)
        guard let firstToken else { return }
        self.firstToken.add(firstToken)
        guard request.outputTokens > 1 else { return }
        let rest = max(0, total - firstToken)
        self.interToken.add(rest / (request.outputTokens - 1))
        self.counts.add(request.outputTokens - 1, to: .timedTokens)
        self.counts.add(rest, to: .timedMicroseconds)
    }
}
