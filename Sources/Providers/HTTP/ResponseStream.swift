package import Inference
package import NIOCore
import Synchronization

/// One request and its answer: where the event loop that reads meets the task that consumes.
///
/// The loop decodes what a read brought, and wakes the consumer once for all of it. What both sides call goes by way of
/// the decoder, see ``ResponseDecoder``.
package final class ResponseStream<Decoder: ResponseDecoder>: HTTPExchange {
    package let request: HTTPRequest
    package let timeouts: HTTPTimeouts
    private let bufferLimit: Int
    private let began: NIODeadline
    package let deadline: NIODeadline
    package let firstTokenDeadline: NIODeadline
    private let client: HTTPClient

    /// Only the connection's event loop takes this lock, so it is never contended: it is there to make that safe to say.
    private let decoding: Mutex<Decoding>
    private let shared = Mutex(Shared())

    private struct Decoding {
        var decoder: Decoder
        /// What the current read has brought so far.
        var elements: [Decoder.Element] = []
        var bytes = 0
        var isAccepted = false
        var outcome: Outcome?
    }

    @safe private struct Shared {
        var elements: [Decoder.Element] = []
        /// Bytes that became `elements`.
        var bytes = 0
        var isAccepted = false
        var outcome: Outcome?
        var waiter: UnsafeContinuation<Void, Never>?
        /// What the waiter waits for.
        var wantsElements = false
        var link: HTTPConnectionLink?
        /// The connection stopped reading until the consumer has caught up.
        var isPaused = false
        var isCancelled = false
        var retries = 0
        /// When the request was sent, the last time, and when its answer began.
        var sentAt: NIODeadline?
        var answeredAt: NIODeadline?
    }

    private enum Outcome {
        case finished
        case fault(UpstreamFault)

        /// What the connection is told: read on, behind the consumer's back, or close.
        var readsOn: Bool {
            switch self {
            case .finished: true
            case .fault: false
            }
        }
    }

    package init(
        request: HTTPRequest, decoder: Decoder, client: HTTPClient, timeouts: HTTPTimeouts, bufferLimit: Int
    ) {
        self.request = request
        self.timeouts = timeouts
        let now = NIODeadline.now()
        self.began = now
        self.deadline = now + TimeAmount(timeouts.total)
        self.firstTokenDeadline = timeouts.firstTokenOverall.map { now + TimeAmount($0) } ?? .distantFuture
        self.bufferLimit = bufferLimit
        self.client = client
        self.decoding = Mutex(Decoding(decoder: decoder))
    }

    // MARK: - The consumer's side

    /// Waits until the upstream accepted the request.
    package func accepted() async throws(UpstreamFault) { try await Decoder.accepted(self) }

    func waitUntilAccepted() async throws(UpstreamFault) {
        while true {
            let (isAccepted, outcome) = self.shared.withLock { ($0.isAccepted, $0.outcome) }
            // What came before a fault is for the consumer to see first.
            if isAccepted { return }
            switch outcome {
            case .fault(let fault): throw fault
            case .finished: return
            case nil: break
            }
            await self.wait(forElements: false)
        }
    }

    /// The next elements, at least one; `nil` after the last.
    package func next() async throws(UpstreamFault) -> [Decoder.Element]? { try await Decoder.next(self) }

    func takeNext() async throws(UpstreamFault) -> [Decoder.Element]? {
        while true {
            if Task.isCancelled { self.giveUp() }
            let taken = self.take()
            if let link = taken.paused { link.resumeReading(self) }
            if !taken.elements.isEmpty { return taken.elements }
            switch taken.outcome {
            case .finished: return nil
            case .fault(let fault): throw fault
            case nil: await self.wait(forElements: true)
            }
        }
    }

    private func take() -> (elements: [Decoder.Element], outcome: Outcome?, paused: HTTPConnectionLink?) {
        self.shared.withLock { shared in
            var elements: [Decoder.Element] = []
            swap(&elements, &shared.elements)
            shared.bytes = 0
            let paused = shared.isPaused ? shared.link : nil
            shared.isPaused = false
            return (elements, shared.outcome, paused)
        }
    }

    private func wait(forElements wantsElements: Bool) async {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isReady = self.shared.withLock { shared in
                    if shared.outcome != nil || (wantsElements ? !shared.elements.isEmpty : shared.isAccepted) {
                        return true
                    }
                    unsafe shared.waiter = unsafe continuation
                    shared.wantsElements = wantsElements
                    return false
                }
                if isReady { unsafe continuation.resume() }
            }
        } onCancel: {
            self.giveUp()
        }
    }

    /// Closes the connection at once, from any thread. Does nothing after the end.
    package func cancel() { Decoder.cancel(self) }

    func giveUp() {
        let fault = UpstreamFault(.cancelled, "the request was cancelled")
        let (waiter, link, isFirst) = unsafe self.shared.withLock { shared in
            guard shared.outcome == nil else {
                return unsafe (nil as UnsafeContinuation<Void, Never>?, nil as HTTPConnectionLink?, false)
            }
            shared.outcome = .fault(fault)
            shared.isCancelled = true
            shared.elements = []
            let waiter = unsafe shared.waiter
            unsafe shared.waiter = nil
            return unsafe (waiter, shared.link, true)
        }
        guard isFirst else { return }
        if let link { link.abort(self) } else { self.client.withdraw(self) }
        unsafe waiter?.resume()
    }

    /// How the answer's beginning went; `nil` before the request was sent.
    package var timing: UpstreamTiming? {
        let (sent, answered) = self.shared.withLock { ($0.sentAt, $0.answeredAt) }
        guard let sent else { return nil }
        return UpstreamTiming(
            connect: .nanoseconds((sent - self.began).nanoseconds),
            firstByte: answered.map { .nanoseconds(($0 - sent).nanoseconds) })
    }

    // MARK: - The event loop's side

    package func attach(_ link: HTTPConnectionLink) -> Bool { Decoder.attach(link, to: self) }

    func take(_ link: HTTPConnectionLink) -> Bool {
        let now = NIODeadline.now()
        return self.shared.withLock { shared in
            guard !shared.isCancelled else { return false }
            shared.link = link
            shared.sentAt = now
            return true
        }
    }

    /// A server that closes connections while many requests come may hit one request more than once.
    private static var retryLimit: Int { 3 }

    package func takeRetry() -> Bool {
        self.shared.withLock { shared in
            guard shared.retries < Self.retryLimit, !shared.isCancelled else { return false }
            shared.retries += 1
            return true
        }
    }

    package func receive(_ head: HTTPResponseHead) -> Bool { Decoder.receive(head, by: self) }

    func take(_ head: HTTPResponseHead) -> Bool {
        let now = NIODeadline.now()
        self.shared.withLock { $0.answeredAt = $0.answeredAt ?? now }
        return self.decode { decoding throws(UpstreamFault) in
            decoding.isAccepted = try decoding.decoder.receive(head)
        }
    }

    package func receive(_ body: Span<UInt8>) -> Bool { Decoder.receive(body, by: self) }

    func take(_ body: Span<UInt8>) -> Bool {
        self.decoding.withLock { decoding in
            if let outcome = decoding.outcome { return outcome.readsOn }
            decoding.bytes += body.count
            do throws(UpstreamFault) {
                try decoding.decoder.receive(body, into: &decoding.elements)
                if decoding.decoder.isFinished { decoding.outcome = .finished }
                return true
            } catch {
                decoding.outcome = .fault(error)
                return false
            }
        }
    }

    package func receive(_ end: ResponseEnd) { Decoder.receive(end, by: self) }

    func take(_ end: ResponseEnd) {
        _ = self.decode { decoding throws(UpstreamFault) in
            try decoding.decoder.end(end, into: &decoding.elements)
            decoding.outcome = .finished
        }
    }

    private func decode(_ body: (inout Decoding) throws(UpstreamFault) -> Void) -> Bool {
        self.decoding.withLock { decoding in
            if let outcome = decoding.outcome { return outcome.readsOn }
            do throws(UpstreamFault) {
                try body(&decoding)
                return true
            } catch {
                decoding.outcome = .fault(error)
                return false
            }
        }
    }

    package func flush() -> ReadAdvice { Decoder.flush(self) }

    func handOver() -> ReadAdvice {
        var (batch, isWaitingForDetails) = self.decoding.withLock { decoding in
            let batch = Batch(
                elements: decoding.elements, bytes: decoding.bytes, isAccepted: decoding.isAccepted,
                outcome: decoding.outcome)
            decoding.elements = []
            decoding.bytes = 0
            return (batch, decoding.outcome == nil && decoding.decoder.isWaitingForDetails)
        }
        let hasEnded = batch.outcome != nil
        let hasOutput = !batch.elements.isEmpty
        let (waiter, isPaused) = unsafe self.shared.withLock { shared in
            guard !shared.isCancelled else { return unsafe (nil as UnsafeContinuation<Void, Never>?, false) }
            if shared.elements.isEmpty {
                swap(&shared.elements, &batch.elements)
            } else {
                shared.elements.append(contentsOf: batch.elements)
            }
            // Bytes that gave the consumer nothing to take must not stop the reading: it could never go on.
            shared.bytes = shared.elements.isEmpty ? 0 : shared.bytes + batch.bytes
            shared.isAccepted = shared.isAccepted || batch.isAccepted
            if shared.outcome == nil { shared.outcome = batch.outcome }
            shared.isPaused = !hasEnded && shared.bytes > self.bufferLimit
            let isReady = hasEnded || (shared.wantsElements ? !shared.elements.isEmpty : shared.isAccepted)
            guard isReady, let waiter = unsafe shared.waiter else {
                return unsafe (nil as UnsafeContinuation<Void, Never>?, shared.isPaused)
            }
            unsafe shared.waiter = nil
            return unsafe (waiter, shared.isPaused)
        }
        unsafe waiter?.resume()
        if hasEnded { return .settled }
        if isPaused { return .pause(isWaitingForDetails: isWaitingForDetails) }
        if isWaitingForDetails { return .waitForDetails(hasOutput: hasOutput) }
        return hasOutput ? .goOn : .nothingYet
    }

    private struct Batch {
        var elements: [Decoder.Element]
        var bytes: Int
        var isAccepted: Bool
        var outcome: Outcome?
    }
}
