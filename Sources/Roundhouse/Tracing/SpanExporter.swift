internal import Inference
internal import Logging
internal import NIOCore
internal import Providers
internal import Synchronization
internal import TraceExport

/// Sends spans to a collector, in batches, off the hot path.
///
/// ``add(_:)`` puts a span into a bounded queue and returns. ``run()`` sends what has gathered every interval, or at once
/// when a batch is full, and tries again where that may help. A collector that is away costs spans, never requests.
final class SpanExporter: Sendable {
    /// Since the start.
    struct Figures: Sendable, Hashable {
        var exported = 0
        /// Because the queue was full, or the collector would not take them.
        var dropped = 0
    }

    private struct State {
        var queue: SpanQueue
        var exported = 0
        /// Whether the last export failed, so that a line is written for each change and not for each try.
        var isFailing = false
    }

    private let settings: ExportSettings
    private let encoder: OTLPEncoder
    private let client: HTTPClient
    private let template: HTTPRequestTemplate
    private let logger: Logger
    private let state: Mutex<State>
    // Both hold one signal at most: a second one would say nothing new.
    private let clockSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let exportSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// How long the end may take.
    private static let farewell = Duration.seconds(5)

    /// - Throws: ``StartError`` for an endpoint that is none, naming the variable and not its value.
    init(
        _ settings: ExportSettings, version: String, group: any EventLoopGroup, logger: Logger
    ) throws(StartError) {
        self.settings = settings
        self.logger = logger
        self.encoder = OTLPEncoder(resource: settings.resource, version: version)
        self.state = Mutex(State(queue: SpanQueue(capacity: settings.capacity, batchSize: settings.batchSize)))
        let origin: HTTPOrigin
        do {
            origin = try HTTPOrigin(settings.endpoint)
        } catch {
            throw StartError("OTEL_EXPORTER_OTLP_ENDPOINT: \(error)")
        }
        var fields = [
            (name: "user-agent", value: "roundhouse/\(version)"), (name: "content-type", value: "application/json"),
        ]
        for header in settings.headers {
            guard HTTPField.isValidName(header.name), HTTPField.isValidValue(header.value) else {
                throw StartError("OTEL_EXPORTER_OTLP_HEADERS: expected header names and values of printable ASCII")
            }
            fields.removeAll { $0.name == header.name }
            fields.append(header)
        }
        self.template = HTTPRequestTemplate(path: origin.path, origin: origin, fields: fields)
        var timeouts = HTTPTimeouts.limits(total: settings.timeout, firstToken: settings.timeout)
        timeouts.connect = min(settings.timeout, .seconds(5))
        var limits = HTTPLimits()
        limits.connections = 1
        do {
            self.client = HTTPClient(
                origin: origin, group: group, timeouts: timeouts, limits: limits,
                tls: origin.isSecure
                    ? try settings.certificate.map { try UpstreamTLS.trusting(caFile: $0) } ?? UpstreamTLS.system()
                    : nil)
        } catch {
            throw StartError("OTEL_EXPORTER_OTLP_CERTIFICATE: expected certificates in PEM")
        }
    }

    var figures: Figures {
        self.state.withLock { Figures(exported: $0.exported, dropped: $0.queue.dropped) }
    }

    func add(_ span: SpanRecord) {
        switch self.state.withLock({ $0.queue.append(span) }) {
        case .nothing: break
        case .startClock: self.clockSignals.continuation.yield()
        case .export: self.exportSignals.continuation.yield()
        }
    }

    /// Exports until the task is cancelled, then what is left, within five seconds. Once per exporter.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            for await _ in self.exportSignals.stream { await self.exportAll() }
        }
        self.state.withLock { $0.queue.close() }
        await self.sayFarewell()
        self.client.shutdown()
        let lost = self.state.withLock { state in
            state.queue.lost(state.queue.count)
            return state.queue.takeUnreported()
        }
        if lost > 0 { self.logger.warning("Spans were lost at the end", metadata: ["lost": "\(lost)"]) }
    }

    /// Turns "something waits" into "export", one interval later.
    private func tick() async {
        for await _ in self.clockSignals.stream {
            // An error is cancellation, which ends the loop as well.
            try? await Task.sleep(for: self.settings.interval)
            self.exportSignals.continuation.yield()
        }
    }

    private func exportAll() async {
        while !Task.isCancelled {
            let batch = self.state.withLock { $0.queue.take() }
            guard !batch.isEmpty else { return }
            await self.export(batch, ExportRetry())
            self.reportLosses()
        }
    }

    /// What is left, on a task that is cancelled already: one that is not sends it.
    private func sayFarewell() async {
        // task: ended by the deadline within it, and awaited here.
        let last = Task.detached {
            let limit = ContinuousClock.now + Self.farewell
            while ContinuousClock.now < limit {
                let batch = self.state.withLock { $0.queue.take() }
                guard !batch.isEmpty else { return }
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.export(batch, ExportRetry(mostTries: 1)) }
                    group.addTask { try? await Task.sleep(until: limit) }
                    await group.next()
                    group.cancelAll()
                }
            }
        }
        await last.value
    }

    private func export(_ batch: [SpanRecord], _ retry: ExportRetry) async {
        var retry = retry
        let request = self.template.request(body: self.encoder.body(of: batch), requestID: "")
        while true {
            let (outcome, reason) = await self.send(request)
            switch retry.next(after: outcome, jitter: .random(in: 0..<1)) {
            case .done:
                let wasFailing = self.state.withLock { state in
                    state.exported += batch.count
                    defer { state.isFailing = false }
                    return state.isFailing
                }
                if wasFailing { self.logger.notice("Spans are exported again") }
                return
            case .giveUp:
                self.noteFailure(reason)
                self.state.withLock { $0.queue.lost(batch.count) }
                return
            case .retry(let delay):
                self.noteFailure(reason)
                do {
                    try await Task.sleep(for: delay)
                } catch {
                    // The server stops: the farewell takes it.
                    self.state.withLock { $0.queue.putBack(batch) }
                    return
                }
            }
        }
    }

    private func send(_ request: HTTPRequest) async -> (ExportRetry.Outcome, reason: String) {
        do throws(UpstreamFault) {
            let response = self.client.send(request, decoder: HeadDecoder())
            guard let head = try await response.next()?.first else { return (.failed, "it did not answer") }
            // Seconds; a date is rare, and taken for nothing.
            let after = head.retryAfter.flatMap { Int($0) }.map { Duration.seconds(max(0, $0)) }
            return (.status(head.status, retryAfter: after), "it answered with status \(head.status)")
        } catch {
            return (.failed, error.message)
        }
    }

    private func noteFailure(_ reason: String) {
        let isNew = self.state.withLock { state in
            defer { state.isFailing = true }
            return !state.isFailing
        }
        guard isNew else { return }
        self.logger.warning(
            "Spans cannot be exported; a few wait in memory",
            metadata: ["collector": "\(self.client.origin)", "reason": "\(reason)"])
    }

    private func reportLosses() {
        let lost = self.state.withLock { $0.queue.takeUnreported() }
        guard lost > 0 else { return }
        self.logger.warning("Spans were lost: they could not be exported in time", metadata: ["lost": "\(lost)"])
    }
}
