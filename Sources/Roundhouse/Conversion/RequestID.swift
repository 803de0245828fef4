internal import Synchronization

/// Makes ids for requests whose client gave none: UUIDs of version 7, unique across servers, not secret.
///
/// They begin with the time, so that those of the same second lie beside each other in an index. Random ones would each
/// touch a page of their own, which made writing a record more than twice as dear.
///
/// The rest is a random start for each process and a counter, mixed: no system call on the hot path, where Foundation's
/// `UUID` opens and reads a device for each.
enum RequestID {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let counter = Atomic<UInt64>(0)

    /// Whether a client may call its request so: 1-128 printable ASCII characters without spaces.
    static func isValid(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    static func make() -> String { Self.make(at: .now()) }

    static func make(at time: WallTime) -> String {
        let number = Self.counter.add(1, ordering: .relaxed).oldValue
        let microseconds = UInt64(clamping: time.microsecondsSince1970)
        // Method 3 of RFC 9562 §6.2: the twelve bits behind the milliseconds count fractions of one.
        let fraction = microseconds % 1000 * 4096 / 1000
        return Self.uuid((microseconds / 1000) << 16 | 0x7000 | fraction, Self.mix(Self.seed &+ number))
    }

    /// SplitMix64's finaliser: different numbers stay different, and neighbours look unrelated.
    private static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The text of RFC 9562, with its variant in the place of two bits of `low`.
    private static func uuid(_ high: UInt64, _ low: UInt64) -> String {
        let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        let digits: StaticString = "0123456789abcdef"
        return unsafe String(unsafeUninitializedCapacity: 36) { buffer in
            var place = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    unsafe buffer[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = nibble < 16 ? high : low
                let value = Int(truncatingIfNeeded: (word >> UInt64(60 - (nibble % 16) * 4)) & 0xF)
                unsafe buffer[place] = unsafe digits.utf8Start[value]
                place += 1
            }
            return 36
        }
    }
}
