/// Labels as a sample shows them, escaped once for the many samples that have the same ones.
package struct LabelText: Sendable, Hashable {
    /// `model="a/x",provider="a"`; empty without labels.
    let bytes: [UInt8]

    package init(_ labels: [ExpositionWriter.Label] = []) {
        var bytes: [UInt8] = []
        for label in labels { Self.append(label, to: &bytes) }
        self.bytes = bytes
    }

    package init(_ labels: ExpositionWriter.Label...) { self.init(labels) }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The same with one more at the end.
    package func adding(_ name: StaticString, _ value: String) -> LabelText {
        var bytes = self.bytes
        Self.append(ExpositionWriter.Label(name, value), to: &bytes)
        return LabelText(bytes: bytes)
    }

    private static func append(_ label: ExpositionWriter.Label, to bytes: inout [UInt8]) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes += label.name.description.utf8
        bytes += "=\"".utf8
        bytes += ExpositionWriter.escaped(label.value, quotes: true)
        bytes.append(UInt8(ascii: "\""))
    }
}
