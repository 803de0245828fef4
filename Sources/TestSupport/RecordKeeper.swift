public import Inference
private import Synchronization

/// Keeps request records in memory for a test to read.
public final class RecordKeeper: RequestRecorder {
    private let kept = Mutex<[RequestRecord]>([])

    public init() {}

    public var records: [RequestRecord] { self.kept.withLock { $0 } }

    public func record(_ record: RequestRecord) {
        self.kept.withLock { $0.append(record) }
    }
}
