/// Why a server cannot start, in a sentence that says what to do.
public struct StartError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
