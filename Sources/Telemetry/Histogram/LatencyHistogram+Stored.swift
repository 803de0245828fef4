extension LatencyHistogram {
    /// The version of the form; 1 is: entries; and if there are any the sum, the least and the largest value, then for each
    /// entry how many buckets it is after the one before, and its count. All numbers are LEB128.
    static let storedVersion: UInt8 = 1

    /// A compact form for the store: two bytes for each bucket in use and a dozen more.
    package var stored: [UInt8] {
        var writer = ByteWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// - Throws: when `stored` is not what ``stored`` gave, whatever else it is.
    package init(stored: [UInt8]) throws(StoredFormError) {
        self.init()
        var reader = ByteReader(stored)
        try self.merge(from: &reader)
        try reader.end()
    }

    func write(to writer: inout ByteWriter) {
        writer.write(byte: Self.storedVersion)
        var entries = 0
        self.forEachBucket { _, _ in entries += 1 }
        writer.write(entries)
        guard let least = self.minimum, let most = self.maximum else { return }
        writer.write(self.sum)
        writer.write(least)
        writer.write(most)
        var last = 0
        self.forEachBucket { number, count in
            writer.write(number - last)
            writer.write(UInt64(count))
            last = number
        }
    }

    /// Adds what a stored one saw, without making it first.
    ///
    /// - Throws: when the bytes are wrong; something of them may have been added by then.
    mutating func merge(from reader: inout ByteReader) throws(StoredFormError) {
        let version = try reader.byte()
        guard version == Self.storedVersion else { throw .unknownVersion(version) }
        let entries = try reader.number(upTo: HistogramBuckets.count, "the number of buckets")
        guard entries > 0 else { return }
        let sum = try reader.number()
        let least = try reader.number()
        let most = try reader.number()
        var number = 0
        var total: UInt64 = 0
        for entry in 0..<entries {
            let step = try reader.number(upTo: HistogramBuckets.count, "a bucket's number")
            guard entry == 0 || step > 0 else { throw .contradiction("a bucket comes twice") }
            number += step
            guard number < HistogramBuckets.count else { throw .contradiction("a bucket is beyond the last") }
            if entry == 0, number != HistogramBuckets.number(of: least) {
                throw .contradiction("the least value is not in the first bucket")
            }
            guard let count = UInt32(exactly: try reader.number()), count > 0 else {
                throw .contradiction("a bucket's count is not from 1 to 4294967295")
            }
            total = total.addingSaturated(UInt64(count))
            self.add(count: count, toBucket: number)
        }
        guard least <= most, number == HistogramBuckets.number(of: most) else {
            throw .contradiction("the largest value is not in the last bucket")
        }
        let low = least.multipliedReportingOverflow(by: total)
        let high = most.multipliedReportingOverflow(by: total)
        guard !low.overflow && sum >= low.partialValue || sum == .max, high.overflow || sum <= high.partialValue else {
            throw .contradiction("the sum does not fit the values")
        }
        self.take(total, sum, least, most)
    }
}
