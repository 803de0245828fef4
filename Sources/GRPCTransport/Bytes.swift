internal import CGRPC
public import GRPCCore
private import Synchronization

/// The bytes of one message: memory that libgrpc++ allocated, so that a message passes from the socket to the decoder
/// and from the encoder to the socket without being copied on the way.
///
/// A value type: copies share the memory until one of them changes.
public struct Bytes: GRPCContiguousBytes, Sendable {
    /// Nil for no bytes at all.
    private var storage: Storage?

    init(owning slice: consuming cgrpc_slice) {
        self.storage = Storage(owning: slice, isFresh: false)
    }

    private init(uninitializedCount count: Int) {
        self.storage = count == 0 ? nil : Storage(owning: cgrpc_slice_allocate(count), isFresh: true)
    }

    /// `count` bytes, each of them `byte`.
    public init(repeating byte: UInt8, count: Int) {
        self.init(uninitializedCount: count)
        unsafe self.storage?.withUnsafeMutableBytes { buffer in
            _ = unsafe buffer.initializeMemory(as: UInt8.self, repeating: byte)
        }
    }

    /// A copy of the sequence's bytes.
    public init<Source: Sequence>(_ sequence: Source) where Source.Element == UInt8 {
        if let copy = sequence.withContiguousStorageIfAvailable({ unsafe Bytes(copying: UnsafeRawBufferPointer($0)) }) {
            self = copy
        } else {
            self = unsafe Array(sequence).withUnsafeBytes { unsafe Bytes(copying: $0) }
        }
    }

    private init(copying source: UnsafeRawBufferPointer) {
        self.init(uninitializedCount: source.count)
        unsafe self.storage?.withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
    }

    public var count: Int { self.storage?.count ?? 0 }

    public func withUnsafeBytes<R>(_ body: (_ buffer: UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        guard let storage = self.storage else { return try unsafe body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return try unsafe storage.withUnsafeBytes(body)
    }

    public mutating func withUnsafeMutableBytes<R>(
        _ body: (_ buffer: UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        guard var storage = self.storage else {
            // swift-protobuf unwraps the address even of a buffer that it has nothing to write to.
            var nothing: UInt8 = 0
            return try unsafe Swift.withUnsafeMutableBytes(of: &nothing) { byte in
                try unsafe body(UnsafeMutableRawBufferPointer(start: byte.baseAddress, count: 0))
            }
        }
        self.storage = nil
        // Bytes that gRPC has seen may be on their way to a socket.
        if !isKnownUniquelyReferenced(&storage) || !storage.isFresh.load(ordering: .relaxed) {
            storage = unsafe storage.withUnsafeBytes { unsafe Storage(copying: $0) }
        }
        defer { self.storage = storage }
        return try unsafe storage.withUnsafeMutableBytes(body)
    }

    /// Lends the slice for sending. From then on its bytes are never written again.
    func withSlice<R>(_ body: (UnsafePointer<cgrpc_slice>) -> R) -> R {
        guard let storage = self.storage else {
            var empty = cgrpc_slice_allocate(0)
            defer { unsafe cgrpc_slice_release(&empty) }
            return unsafe body(&empty)
        }
        storage.isFresh.store(false, ordering: .relaxed)
        return unsafe withUnsafePointer(to: &storage.slice, body)
    }
}

extension Bytes: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        unsafe left.withUnsafeBytes { left in unsafe right.withUnsafeBytes { unsafe left.elementsEqual($0) } }
    }

    public func hash(into hasher: inout Hasher) {
        unsafe self.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension Bytes {
    /// Holds the slice at a fixed address: the bytes of a small one lie inside the struct.
    ///
    /// Sendable although mutable: it is written only while uniquely referenced and fresh.
    private final class Storage: @unchecked Sendable {
        fileprivate var slice: cgrpc_slice
        let count: Int
        /// Nobody but this object has seen the memory.
        let isFresh: Atomic<Bool>

        init(owning slice: cgrpc_slice, isFresh: Bool) {
            self.slice = slice
            self.count = unsafe withUnsafePointer(to: slice) { unsafe cgrpc_slice_count($0) }
            self.isFresh = Atomic(isFresh)
        }

        convenience init(copying source: UnsafeRawBufferPointer) {
            self.init(owning: cgrpc_slice_allocate(source.count), isFresh: true)
            unsafe self.withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
        }

        deinit {
            unsafe cgrpc_slice_release(&self.slice)
        }

        func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
            try unsafe body(UnsafeRawBufferPointer(start: cgrpc_slice_bytes(&self.slice), count: self.count))
        }

        func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
            try unsafe body(UnsafeMutableRawBufferPointer(start: cgrpc_slice_bytes(&self.slice), count: self.count))
        }
    }
}
