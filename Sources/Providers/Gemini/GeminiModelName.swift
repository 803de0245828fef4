import Inference

/// The name of a model, as Gemini's paths and bodies want it.
struct GeminiModelName: Sendable, Hashable {
    /// For bodies: `models/gemini-2.5-flash`, `tunedModels/mine`.
    let resource: String
    /// For paths, escaped: `/models/gemini-2.5-flash`.
    let path: String
    /// Of a model whose name begins with `gemini-` and a number: `[2, 5]`.
    let version: [Int]

    /// - Parameter name: with `models/` or `tunedModels/` before it, or without.
    /// - Throws: ``UpstreamFault/Kind/modelNotFound`` when nothing is left of it.
    init(_ name: String) throws(UpstreamFault) {
        var rest = name[...]
        if rest.hasPrefix("/") { rest.removeFirst() }
        var collection = "models"
        for known in ["models", "tunedModels"] where rest.hasPrefix(known + "/") {
            collection = known
            rest.removeFirst(known.utf8.count + 1)
        }
        guard !rest.isEmpty else { throw UpstreamFault(.modelNotFound, "'\(name)' is no name of a Gemini model") }
        self.resource = "\(collection)/\(rest)"
        self.path = "/\(collection)/\(Self.escaped(rest))"
        self.version = Self.version(rest)
    }

    /// Whether it is known to be of this generation or a later one.
    func isAtLeast(_ generation: Int) -> Bool {
        self.version.first.map { $0 >= generation } ?? false
    }

    /// Whether it is known to come before this version.
    func isBefore(_ version: [Int]) -> Bool {
        !self.version.isEmpty && self.version.lexicographicallyPrecedes(version)
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986: a name shall not become a query or a method.
    static func escaped(_ name: Substring) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func version(_ name: Substring) -> [Int] {
        guard name.hasPrefix("gemini-") else { return [] }
        let number = name.dropFirst("gemini-".utf8.count).prefix { $0 == "." || ("0"..."9").contains($0) }
        return number.split(separator: ".").compactMap { Int($0) }
    }
}
