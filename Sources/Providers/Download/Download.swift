package import Inference
import Synchronization

/// A file on its way.
package struct Download: Sendable {
    /// Size of the whole file, the part before ``resumedFrom`` included; `nil` when the server does not say.
    package let totalBytes: Int64?
    /// The place of the first byte that ``chunks`` brings: the one asked for, or 0 when it begins anew.
    package let resumedFrom: Int64
    /// A strong ETag or a modification date, for going on later; `nil` when the server gives none.
    package let validator: String?
    package let chunks: DownloadChunks
}

/// The bytes of a file in order, read from the socket as they are asked for. Ends without an error only after the last
/// one. One consumer; letting go of it closes the connection.
package final class DownloadChunks: Sendable, AsyncSequence {
    package typealias Element = [UInt8]
    package typealias Failure = UpstreamFault

    private let stream: ResponseStream<DownloadDecoder>?
    /// What came together with the head.
    private let first: Mutex<[DownloadDecoder.Element]>
    private let redact: @Sendable (UpstreamFault) -> UpstreamFault

    /// - Parameter stream: `nil` when there is nothing left to fetch.
    init(
        _ stream: ResponseStream<DownloadDecoder>?, first: [DownloadDecoder.Element] = [],
        redact: @escaping @Sendable (UpstreamFault) -> UpstreamFault = { $0 }
    ) {
        self.stream = stream
        self.first = Mutex(first)
        self.redact = redact
    }

    deinit {
        self.stream?.cancel()
    }

    /// The next bytes, at least one; `nil` after the last.
    package func next() async throws(UpstreamFault) -> [UInt8]? {
        guard let stream = self.stream else { return nil }
        let first = self.first.withLock { first in
            defer { first = [] }
            return Self.bytes(of: first)
        }
        if !first.isEmpty { return first }
        do throws(UpstreamFault) {
            while let elements = try await stream.next() {
                let bytes = Self.bytes(of: elements)
                if !bytes.isEmpty { return bytes }
            }
            return nil
        } catch {
            throw self.redact(error)
        }
    }

    private static func bytes(of elements: [DownloadDecoder.Element]) -> [UInt8] {
        var bytes: [UInt8] = []
        for case .bytes(let portion) in elements {
            if bytes.isEmpty { bytes = portion } else { bytes += portion }
        }
        return bytes
    }

    package func makeAsyncIterator() -> Iterator { Iterator(chunks: self) }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let chunks: DownloadChunks

        package mutating func next() async throws(UpstreamFault) -> [UInt8]? { try await self.chunks.next() }

        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(UpstreamFault) -> [UInt8]? {
            try await self.chunks.next()
        }
    }
}
