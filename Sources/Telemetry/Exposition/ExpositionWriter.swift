/// Writes metrics in Prometheus' text format, version 0.0.4.
///
/// A family is begun with its name, help and type; its samples follow. Everything goes into one buffer that can be reused
/// from one scrape to the next. Names are checked and not written when they are wrong: a scrape with one family less is
/// better than one that Prometheus refuses.
package struct ExpositionWriter: Sendable {
    /// For the HTTP header `Content-Type`.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package enum FamilyType: String, Sendable, Hashable, CaseIterable {
        case counter, gauge, histogram
    }

    /// A label and its value. The name is one of ours; the value may hold anything.
    package struct Label: Sendable, Hashable {
        package var name: StaticString
        package var value: String

        package init(_ name: StaticString, _ value: String) {
            self.name = name
            self.value = value
        }

        package static func == (left: Label, right: Label) -> Bool {
            left.name.description == right.name.description && left.value == right.value
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(self.name.description)
            hasher.combine(self.value)
        }
    }

    private var bytes: [UInt8] = []
    /// Of the family that is being written; `nil` when its name is wrong.
    private var family: [UInt8]?
    private var families: Set<[UInt8]> = []

    /// - Parameter capacity: in bytes; the length of the last scrape is a good guess.
    package init(capacity: Int = 16384) {
        self.bytes.reserveCapacity(max(0, capacity))
    }

    package var text: String { String(decoding: self.bytes, as: UTF8.self) }
    package var utf8: [UInt8] { self.bytes }

    /// Forgets everything and keeps the memory.
    package mutating func reset() {
        self.bytes.removeAll(keepingCapacity: true)
        self.families.removeAll(keepingCapacity: true)
        self.family = nil
    }

    // MARK: - Families

    /// Begins a family. One that has been begun already is not begun again: Prometheus takes each once.
    ///
    /// - Parameters:
    ///   - name: letters, digits and `_`, with its unit at the end, and `_total` for a counter.
    ///   - help: a sentence for people.
    package mutating func begin(_ name: StaticString, _ type: FamilyType, help: StaticString) {
        let name = Array(name.description.utf8)
        guard Self.isName(name), self.families.insert(name).inserted else {
            self.family = nil
            return
        }
        self.family = name
        self.write("# HELP ")
        self.bytes += name
        self.write(" ")
        self.bytes += Self.escaped(help.description, quotes: false)
        self.write("\n# TYPE ")
        self.bytes += name
        self.write(" ")
        self.write(type.rawValue)
        self.write("\n")
    }

    /// A counter's or a gauge's value.
    package mutating func sample(_ value: Double, _ labels: Label...) { self.sample(value, LabelText(labels)) }
    package mutating func sample(_ value: Double, _ labels: [Label]) { self.sample(value, LabelText(labels)) }

    package mutating func sample(_ value: Double, _ labels: LabelText) {
        guard self.beginSample("", labels) else { return }
        self.write(Self.number(value))
        self.write("\n")
    }

    package mutating func sample(_ value: Int64, _ labels: Label...) { self.sample(value, LabelText(labels)) }
    package mutating func sample(_ value: Int64, _ labels: [Label]) { self.sample(value, LabelText(labels)) }

    package mutating func sample(_ value: Int64, _ labels: LabelText) {
        guard self.beginSample("", labels) else { return }
        self.write(value)
    }

    /// A histogram's buckets, sum and count, in seconds.
    package mutating func histogram(_ histogram: BoundedHistogram, _ labels: Label...) {
        self.histogram(histogram, LabelText(labels))
    }

    package mutating func histogram(_ histogram: BoundedHistogram, _ labels: [Label]) {
        self.histogram(histogram, LabelText(labels))
    }

    package mutating func histogram(_ histogram: BoundedHistogram, _ labels: LabelText) {
        self.histogram(
            histogram.bounds, histogram.counts, count: histogram.count,
            sum: Double(histogram.sumMicroseconds) / 1e6, labels)
    }

    /// One that was counted elsewhere.
    ///
    /// - Parameters:
    ///   - counts: for each bound, the values above the one before and up to it.
    ///   - count: of all values, those beyond the last bound too.
    ///   - sum: in seconds.
    package mutating func histogram(
        _ bounds: HistogramBounds, _ counts: [UInt64], count: UInt64, sum: Double, _ labels: LabelText
    ) {
        var below: UInt64 = 0
        for (text, count) in zip(bounds.texts, counts) {
            below = below.addingSaturated(count)
            self.bucket(text, below, labels)
        }
        self.bucket(Self.endless, count, labels)
        guard self.beginSample("_sum", labels) else { return }
        self.write(Self.number(sum))
        self.write("\n")
        guard self.beginSample("_count", labels) else { return }
        self.write(Int64(clamping: count))
    }

    // MARK: - Bytes

    private static let endless = Array("+Inf".utf8)

    private mutating func bucket(_ bound: [UInt8], _ count: UInt64, _ labels: LabelText) {
        guard let family else { return }
        self.bytes += family
        self.write("_bucket{")
        self.bytes += labels.bytes
        self.write(labels.bytes.isEmpty ? "le=\"" : ",le=\"")
        self.bytes += bound
        self.write("\"} ")
        self.write(Int64(clamping: count))
    }

    private mutating func beginSample(_ suffix: StaticString, _ labels: LabelText) -> Bool {
        guard let family else { return false }
        self.bytes += family
        self.write(suffix)
        if labels.bytes.isEmpty {
            self.write(" ")
        } else {
            self.write("{")
            self.bytes += labels.bytes
            self.write("} ")
        }
        return true
    }

    private mutating func write(_ text: StaticString) {
        unsafe self.bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func write(_ text: String) { self.bytes += text.utf8 }

    /// The digits, and the end of the line. By hand, since most lines of a page are counts.
    private mutating func write(_ value: Int64) {
        if value < 0 { self.bytes.append(UInt8(ascii: "-")) }
        // From the last one on.
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = digits.count
        var rest = value.magnitude
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        while first < digits.count {
            self.bytes.append(digits[first])
            first += 1
        }
        self.bytes.append(UInt8(ascii: "\n"))
    }

    /// As Go reads it: `0.005`, `1e-07`, `+Inf`, `NaN`; whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? Int64(value).description : value.description
    }

    /// Line breaks and backslashes as two characters each, and quotes where they would end the value.
    static func escaped(_ text: String, quotes: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
            default: bytes.append(byte)
            }
        }
        return bytes
    }

    private static func isName(_ name: [UInt8]) -> Bool {
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return name.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
    }
}
