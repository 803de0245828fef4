/// The name of a configured provider: `openai`, `local`, `my-vllm`.
///
/// One to 63 characters of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or a digit, so that it can stand in
/// front of the slash of a ``ModelID``, in a metric label and in a file name.
public struct ProviderID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let rawValue: String

    /// - Returns: `nil` when `rawValue` is not a valid provider name.
    public init?(_ rawValue: String) {
        guard Self.isValid(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    /// The provider of every model that Roundhouse runs itself.
    public static let local = ProviderID(unchecked: "local")

    private init(unchecked rawValue: String) {
        self.rawValue = rawValue
    }

    public var description: String { self.rawValue }

    public static func < (left: ProviderID, right: ProviderID) -> Bool {
        left.rawValue < right.rawValue
    }

    /// What a valid name looks like, for error messages.
    public static let expectation = "1-63 characters of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit"

    static func isValid(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first else { return false }
        let isLetterOrDigit = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isLetterOrDigit(first)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }
}

/// The full name of a model: `provider/name`, for example `openai/gpt-4o` or `local/tiny`.
///
/// Only the first slash divides: `openrouter/meta-llama/llama-3-8b` is the model `meta-llama/llama-3-8b` of the
/// provider `openrouter`.
public struct ModelID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let provider: ProviderID
    /// What the upstream calls the model, sent to it unchanged. 1-255 bytes, no white space or control characters.
    public let name: String

    /// - Returns: `nil` when `name` is empty, too long, or holds white space or control characters.
    public init?(provider: ProviderID, name: String) {
        guard Self.isValidName(name) else { return nil }
        self.provider = provider
        self.name = name
    }

    /// - Returns: `nil` when `text` has no slash or either side of it is not valid.
    public init?(_ text: String) {
        guard let slash = text.firstIndex(of: "/"), let provider = ProviderID(String(text[..<slash])) else {
            return nil
        }
        self.init(provider: provider, name: String(text[text.index(after: slash)...]))
    }

    public var description: String { "\(self.provider.rawValue)/\(self.name)" }

    /// What a valid id looks like, for error messages.
    public static let expectation = "provider/name, for example openai/gpt-4o"

    /// By the written id, so that a page token, which is one, finds its place in a sorted list.
    public static func < (left: ModelID, right: ModelID) -> Bool {
        left.description < right.description
    }

    private static func isValidName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
}
