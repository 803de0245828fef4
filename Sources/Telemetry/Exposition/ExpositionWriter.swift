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
        self.writeEscaped(help.description, quotes: false)
        self.write("\n# TYPE ")
        self.bytes += name
        self.write(" ")
        self.write(type.rawValue)
        self.write("\n")
    }

    /// A counter's or a gauge's value.
    package mutating func sample(_ value: Double, _ labels: Label...) { self.sample(value, labels) }

    package mutating func sample(_ value: Double, _ labels: [Label]) {
        guard self.beginSample(suffix: "", labels) else { return }
        self.write(value)
    }

    package mutating func sample(_ value: Int64, _ labels: Label...) { self.sample(value, labels) }

    package mutating func sample(_ value: Int64, _ labels: [Label]) {
        guard self.beginSample(suffix: "", labels) else { return }
        self.write(value)
    }

    /// A histogram's buckets, sum and count, in seconds.
    package mutating func histogram(_ histogram: BoundedHistogram, _ labels: Label...) {
        self.histogram(histogram, labels)
    }

    package mutating func histogram(_ histogram: BoundedHistogram, _ labels: [Label]) {
        var below: UInt64 = 0
        for (bound, count) in zip(histogram.bounds.seconds, histogram.counts) {
            below = below.addingSaturated(count)
            guard self.beginSample(suffix: "_bucket", labels, bound: bound) else { return }
            self.write(Int64(clamping: below))
        }
        guard self.beginSample(suffix: "_bucket", labels, bound: .infinity) else { return }
        self.write(Int64(clamping: histogram.count))
        guard self.beginSample(suffix: "_sum", labels) else { return }
        self.write(Double(histogram.sumMicroseconds) / 1e6)
        guard self.beginSample(suffix: "_count", labels) else { return }
        self.write(Int64(clamping: histogram.count))
    }

    // MARK: - Bytes

    private mutating func beginSample(suffix: StaticString, _ labels: [Label], bound: Double? = nil) -> Bool {
        guard let family else { return false }
        self.bytes += family
        self.write(suffix.description)
        var separator = "{"
        for label in labels {
            self.write(separator)
            self.write(label.name.description)
            self.write("=\"")
            self.writeEscaped(label.value, quotes: true)
            self.write("\"")
            separator = ","
        }
        if let bound {
            self.write(separator)
            self.write("le=\"")
            self.writeNumber(bound)
            self.write("\"")
            separator = ","
        }
        self.write(separator == "," ? "} " : " ")
        return true
    }

    private mutating func write(_ text: String) { self.bytes += text.utf8 }

    private mutating func write(_ value: Int64) {
        self.write(value.description)
        self.write("\n")
    }

    private mutating func write(_ value: Double) {
        self.writeNumber(value)
        self.write("\n")
    }

    /// As Go reads it: `0.005`, `1e-07`, `+Inf`, `NaN`; whole numbers without a fraction.
    private mutating func writeNumber(_ value: Double) {
        if value.isNaN {
            self.write("NaN")
        } else if value.isInfinite {
            self.write(value < 0 ? "-Inf" : "+Inf")
        } else if value == value.rounded(), abs(value) < 1e15 {
            self.write(Int64(value).description)
        } else {
            self.write(value.description)
        }
    }

    /// Line breaks and backslashes as two characters each, and quotes where they would end the value.
    private mutating func writeEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): self.write("\\\\")
            case UInt8(ascii: "\n"): self.write("\\n")
            case UInt8(ascii: "\"") where quotes: self.write("\\\"")
            default: self.bytes.append(byte)
            }
        }
    }

    private static func isName(_ name: [UInt8]) -> Bool {
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return name.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
    }
}
