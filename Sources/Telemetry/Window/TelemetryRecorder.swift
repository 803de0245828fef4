package import Inference
internal import Synchronization

/// Where every finished request is counted, from any thread.
///
/// Recording takes a short lock, a look into a table and some additions: well under a microsecond, without memory being
/// allocated, but for the first request of a model in a minute. It never waits for a disk: what a store keeps is taken from
/// here by its own writer.
package final class TelemetryRecorder: Sendable {
    /// So many subjects are rolled up in one hold of the lock.
    private static let batch = 16

    private let window: Mutex<MetricWindow>

    package init(_ retention: MetricRetention = MetricRetention()) {
        self.window = Mutex(MetricWindow(retention))
    }

    /// Counts a finished request.
    package func record(_ request: FinishedRequest) {
        self.window.withLock { $0.record(request) }
    }

    /// Counts a load, a reload, an eviction and the like; without a model for the system alone.
    package func record(_ field: MetricCounts.Field, of model: ModelID?, at time: Int64) {
        self.window.withLock { $0.record(field, of: model, at: time) }
    }

    /// Closes buckets that ended; to be called about once a minute, and before ``takeChanges()``.
    package func roll(at now: Int64) {
        var first = 0
        while self.window.withLock({ window in
            window.roll(at: now, places: first..<first + Self.batch)
            first += Self.batch
            if first < window.subjectCount { return true }
            window.bound()
            return false
        }) {}
    }

    /// See ``MetricWindow/takeChanges()``.
    package func takeChanges() -> MetricChanges { self.window.withLock { $0.takeChanges() } }

    /// See ``MetricWindow/putBack(_:)``.
    package func putBack(_ changes: MetricChanges) { self.window.withLock { $0.putBack(changes) } }

    /// See ``MetricWindow/restore(_:at:)``.
    package func restore(_ buckets: [MetricBucket], at now: Int64) {
        self.window.withLock { $0.restore(buckets, at: now) }
    }

    /// See ``MetricWindow/beginLifetime()``.
    package func beginLifetime() { self.window.withLock { $0.beginLifetime() } }

    /// Closed buckets that nobody took in time, and those forgotten for want of memory.
    package var losses: (unstored: Int, forgotten: Int) {
        self.window.withLock { ($0.unstoredLost, $0.forgotten) }
    }

    package var subjects: [MetricSubject] { self.window.withLock { $0.knownSubjects } }

    /// See ``MetricWindow/buckets(of:_:from:)``. They are decoded after the lock was given back.
    package func buckets(of subject: MetricSubject, _ tier: MetricTier, from start: Int64) -> [TimedFigures] {
        self.window.withLock { $0.buckets(of: subject, tier, from: start) }
    }

    /// See ``MetricWindow/lifetime(of:)``.
    package func lifetime(of subject: MetricSubject) -> MetricFigures {
        self.window.withLock { $0.lifetime(of: subject) }
    }
}
