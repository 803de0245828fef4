import Glibc

extension Span<UInt8> {
    /// The first place at or after `start` that holds `byte`, or `count`.
    func firstIndex(of byte: UInt8, from start: Int = 0) -> Int {
        guard start < self.count else { return self.count }
        return unsafe self.withUnsafeBytes { buffer -> Int in
            guard let base = buffer.baseAddress,
                let found = unsafe memchr(base + start, Int32(byte), buffer.count - start)
            else { return buffer.count }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// Whether the bytes begin with `prefix`.
    func starts(with prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        guard self.count >= length else { return false }
        return unsafe self.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return length == 0 }
            return unsafe memcmp(base, prefix.utf8Start, length) == 0
        }
    }

    /// Whether the bytes are `text`, ASCII letters compared without case. `text` is in lower case.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard self.count == length else { return false }
        for place in 0..<length {
            let byte = self[place]
            let lowered = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            guard unsafe lowered == text.utf8Start[place] else { return false }
        }
        return true
    }

    /// The bytes without spaces and tabs at either end, as a range of places.
    func trimmedRange(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, self[lower] == 0x20 || self[lower] == 0x09 { lower += 1 }
        while lower < upper, self[upper - 1] == 0x20 || self[upper - 1] == 0x09 { upper -= 1 }
        return lower..<upper
    }

    /// The bytes as text; what is not UTF-8 becomes U+FFFD.
    var text: String {
        unsafe self.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension [UInt8] {
    mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe self.append(contentsOf: $0) }
    }
}
