/// A message in the making: values by the numbers of their fields. Which message it is, its maker knows.
struct ProtoDraft: Sendable, Hashable {
    indirect enum Value: Sendable, Hashable {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        /// A string too.
        case bytes([UInt8])
        case message(ProtoDraft)
        /// A map too: its entries are messages.
        case list([Value])
    }

    private(set) var fields: [Int: Value] = [:]

    subscript(number: Int) -> Value? {
        get { self.fields[number] }
        set { self.fields[number] = newValue }
    }

    /// Puts a value into a message that lies in this one, which is made when it is missing.
    ///
    /// - Parameter path: numbers of fields, from this message.
    mutating func set(_ value: Value, at path: [Int]) {
        guard let first = path.first else { return }
        guard path.count > 1 else {
            self.fields[first] = value
            return
        }
        var nested = self.message(first) ?? ProtoDraft()
        nested.set(value, at: Array(path.dropFirst()))
        self.fields[first] = .message(nested)
    }

    func value(at path: [Int]) -> Value? {
        guard let first = path.first else { return nil }
        return path.count == 1 ? self.fields[first] : self.message(first)?.value(at: Array(path.dropFirst()))
    }

    private func message(_ number: Int) -> ProtoDraft? {
        if case .message(let draft) = self.fields[number] { draft } else { nil }
    }

    // MARK: - The wire format

    /// Fields in the order of their numbers. Lists of numbers are not packed, which every reader must understand as well.
    var serialized: [UInt8] {
        var bytes: [UInt8] = []
        self.write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        for (number, value) in self.fields.sorted(by: { $0.key < $1.key }) { value.write(number, to: &bytes) }
    }
}

extension ProtoDraft.Value {
    fileprivate func write(_ number: Int, to bytes: inout [UInt8]) {
        switch self {
        case .varint(let value):
            bytes.append(varint: UInt64(number) << 3)
            bytes.append(varint: value)
        case .fixed64(let value):
            bytes.append(varint: UInt64(number) << 3 | 1)
            for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        case .fixed32(let value):
            bytes.append(varint: UInt64(number) << 3 | 5)
            for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        case .bytes(let value):
            bytes.append(varint: UInt64(number) << 3 | 2)
            bytes.append(varint: UInt64(value.count))
            bytes += value
        case .message(let message):
            let nested = message.serialized
            bytes.append(varint: UInt64(number) << 3 | 2)
            bytes.append(varint: UInt64(nested.count))
            bytes += nested
        case .list(let values):
            for value in values { value.write(number, to: &bytes) }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.append(UInt8(truncatingIfNeeded: rest))
    }
}
