internal import Dispatch
internal import Hummingbird
internal import NIOCore
internal import Synchronization
internal import Telemetry

/// `/metrics`: the figures for Prometheus.
struct MetricsRoutes: HTTPRoutes {
    private let pages: MetricsPages

    init(_ metrics: any MetricsRendering) {
        self.pages = MetricsPages(metrics)
    }

    var routes: [HTTPRoute] {
        [
            .get("/metrics", "figures for Prometheus") { [pages] _, _ in
                let page = await pages.next()
                return Response(
                    status: .ok,
                    headers: [.contentType: ExpositionWriter.contentType, .cacheControl: "no-store"],
                    body: ResponseBody(byteBuffer: page))
            }
        ]
    }
}

/// Renders pages on a thread of its own, one at a time: neither the event loops nor the threads of other work wait for
/// it. Whoever asks while a page is being rendered gets the next one, together with all others who do.
final class MetricsPages: Sendable {
    private struct State {
        var waiting: [CheckedContinuation<ByteBuffer, Never>] = []
        var isRendering = false
    }

    private let metrics: any MetricsRendering
    private let queue = DispatchQueue(label: "roundhouse.metrics", qos: .utility)
    private let state = Mutex(State())

    init(_ metrics: any MetricsRendering) {
        self.metrics = metrics
    }

    /// How many wait for a page that has not been begun.
    var waiting: Int { self.state.withLock { $0.waiting.count } }

    /// A page that is begun after this call.
    func next() async -> ByteBuffer {
        await withCheckedContinuation { continuation in
            let isIdle = self.state.withLock { state in
                state.waiting.append(continuation)
                defer { state.isRendering = true }
                return !state.isRendering
            }
            if isIdle { self.queue.async { self.render() } }
        }
    }

    private func render() {
        while true {
            let waiting = self.state.withLock { state in
                state.isRendering = !state.waiting.isEmpty
                defer { state.waiting = [] }
                return state.waiting
            }
            guard !waiting.isEmpty else { return }
            let page = ByteBuffer(bytes: self.metrics.render())
            for continuation in waiting { continuation.resume(returning: page) }
        }
    }
}
