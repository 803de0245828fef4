/// FNV-1a with 64 bits: the same for the same input on every machine and in every release.
package struct Fingerprint {
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    package mutating func add(_ text: String) {
        // Its length first, so that neighbours cannot lend each other letters.
        self.add(UInt64(text.utf8.count))
        for byte in text.utf8 { self.add(byte) }
    }

    package mutating func add(_ number: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            self.add(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    private mutating func add(_ byte: UInt8) {
        self.value = (self.value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// Sixteen hexadecimal digits.
    package var text: String {
        let digits = String(self.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
