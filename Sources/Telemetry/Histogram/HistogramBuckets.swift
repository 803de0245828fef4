/// Which bucket of a ``LatencyHistogram`` a value falls into.
///
/// The buckets are log-linear, as DDSketch's and HdrHistogram's are: 64 of the same width between one power of two and the
/// next, so that a bucket is never wider than 1/64 of its values, and its middle never further than 1/128 = 0.78 % from any
/// of them. Whole numbers below 128 have a bucket each. Finding one takes a few instructions and no logarithm.
enum HistogramBuckets {
    /// Values from this one on are counted as if they were just below: 2^36 µs are 19 hours.
    static let limit: UInt64 = 1 << 36
    /// Below it every value has its own bucket.
    private static let exact: UInt64 = 128
    /// Buckets between two powers of two.
    static let perOctave = 64
    /// All of them: those of one value each, and 64 for each of the 29 octaves from 2^7 to 2^36.
    static let count = 128 + 29 * 64

    /// From 0 to ``count`` - 1, growing with the value.
    static func number(of value: UInt64) -> Int {
        let value = value < self.limit ? value : self.limit - 1
        guard value >= self.exact else { return Int(value) }
        let shift = 57 - value.leadingZeroBitCount
        return shift * self.perOctave + Int(value >> UInt64(shift))
    }

    /// The least value of a bucket, and how many values it has.
    static func values(of number: Int) -> (first: UInt64, width: UInt64) {
        guard number >= Int(self.exact) else { return (UInt64(number), 1) }
        let shift = number / self.perOctave - 1
        return (UInt64(number - shift * self.perOctave) << UInt64(shift), 1 << UInt64(shift))
    }

    /// The middle of a bucket, which stands for all of its values.
    static func middle(of number: Int) -> Double {
        let (first, width) = self.values(of: number)
        return Double(first) + Double(width - 1) / 2
    }
}
