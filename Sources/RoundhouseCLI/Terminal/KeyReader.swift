/// A key that a person pressed.
enum Key: Sendable, Hashable {
    case character(Character)
    case up, down, pageUp, pageDown, home, end
    /// Ctrl-Z.
    case suspend
}

/// The keys in what a terminal sends, whichever pieces it comes in. What is no key of ours is passed over.
struct KeyReader: Sendable {
    private enum State: Sendable {
        case plain
        /// After an escape.
        case escape
        /// In a sequence; its parameters so far.
        case sequence([UInt8])
    }

    private static let escape: UInt8 = 0x1B
    /// The longest parameters of a sequence that are remembered; a stream of garbage needs no room.
    private static let longest = 16

    private var state = State.plain

    mutating func take(_ bytes: some Sequence<UInt8>) -> [Key] {
        bytes.compactMap { self.take($0) }
    }

    private mutating func take(_ byte: UInt8) -> Key? {
        switch (self.state, byte) {
        case (_, Self.escape):
            self.state = .escape
        case (.plain, 0x1A):
            return .suspend
        case (.plain, 0x20...0x7E):
            return .character(Character(Unicode.Scalar(byte)))
        case (.plain, _):
            break
        case (.escape, 0x5B), (.escape, 0x4F):  // "[" and "O"
            self.state = .sequence([])
        case (.escape, _):
            self.state = .plain
            return self.take(byte)
        case (.sequence(let parameters), 0x40...0x7E):
            self.state = .plain
            return Self.key(parameters, final: byte)
        case (.sequence(let parameters), _):
            if parameters.count < Self.longest { self.state = .sequence(parameters + [byte]) }
        }
        return nil
    }

    /// Of xterm's sequences and those of its relatives.
    private static func key(_ parameters: [UInt8], final: UInt8) -> Key? {
        switch (String(decoding: parameters, as: UTF8.self), final) {
        case ("", 0x41): .up
        case ("", 0x42): .down
        case ("", 0x48), ("1", 0x7E), ("7", 0x7E): .home
        case ("", 0x46), ("4", 0x7E), ("8", 0x7E): .end
        case ("5", 0x7E): .pageUp
        case ("6", 0x7E): .pageDown
        default: nil
        }
    }
}
