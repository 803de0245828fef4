/// A decoder under test, by the name of its folder in `corpus/`.
struct Target: Sendable {
    let name: String
    /// Decodes an input in several ways and compares; does not return when a rule is broken.
    let check: @Sendable (Span<UInt8>) -> Void

    static let all: [Target] = Self.responses + Self.readers
}

/// Numbers that an input decides, so that each is decoded in the same way every time.
struct Choices {
    private var state: UInt64

    /// FNV-1a of the input.
    init(_ bytes: Span<UInt8>) {
        self.state = 0xCBF2_9CE4_8422_2325
        for place in bytes.indices { self.state = (self.state ^ UInt64(bytes[place])) &* 0x100_0000_01B3 }
    }

    /// A number below `bound`.
    mutating func next(_ bound: Int) -> Int {
        // SplitMix64.
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}

/// A way in which bytes may arrive.
struct Cut {
    let name: String
    /// Places in the input, none empty, which together are all of it.
    let portions: [Range<Int>]

    /// Whole, in two and in several at places that the input decides, and byte by byte.
    static func all(_ count: Int, _ choices: inout Choices) -> [Cut] {
        let middle = choices.next(count + 1)
        var places = [0, count]
        for _ in 0..<choices.next(8) { places.append(choices.next(count + 1)) }
        return [
            Cut("whole", [0, count]), Cut("split at \(middle)", [0, middle, count]),
            Cut("split at \(places)", places.sorted()), Cut("byte by byte", Array(0...count)),
        ]
    }

    private init(_ name: String, _ places: [Int]) {
        self.name = name
        self.portions = zip(places, places.dropFirst()).filter { $0 < $1 }.map { $0..<$1 }
    }
}

extension Span<UInt8> {
    var array: [UInt8] { self.indices.map { self[$0] } }

    /// A copy of some of the bytes, in memory that ends where they end: AddressSanitizer sees who reads on.
    func withCopy<Result, Failure: Error>(
        of range: Range<Int>, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: range.count)
        defer { unsafe copy.deallocate() }
        for place in range { unsafe copy.initializeElement(at: place - range.lowerBound, to: self[place]) }
        return try body(unsafe Span(_unsafeElements: UnsafeBufferPointer(copy)))
    }
}
