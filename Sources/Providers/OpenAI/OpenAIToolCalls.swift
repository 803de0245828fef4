import Inference

/// One entry of `tool_calls` as it came.
struct OpenAIToolCallFragment: Sendable, Hashable {
    var index: Int?
    var id: String?
    var name: String?
    var arguments: String = ""
}

/// Tells the fragments of tool calls apart and gives each call its place, one id and one name.
///
/// Servers disagree here more than anywhere else. Some give every call the index 0, some none; some repeat id and name
/// with every fragment; some give no ids. A call must come out once and whole, whatever they do:
/// - An index that is known goes on with its call, unless another id or another name says that it is a new one.
/// - Without an index an id tells, then a name, then the order.
/// - A call that has its whole arguments is over: the same name with more of them is the next call.
struct OpenAIToolCalls: Sendable {
    /// More calls than this in one answer are a fault.
    static let maximumCount = 1024

    private struct Call: Sendable {
        /// The upstream's own.
        var index: Int?
        /// The upstream's own; `nil` when it gave none.
        var id: String?
        var name: String?
        var arguments = ObjectText()
    }

    private var calls: [Call] = []
    private let ids: MadeUpIDs

    /// - Parameter requestID: what ids are made of for calls that come without one.
    init(requestID: String) {
        self.ids = MadeUpIDs(requestID: requestID)
    }

    /// Whether the answer wants a tool called.
    var hasCalls: Bool { self.calls.contains { $0.name != nil } }

    /// - Parameters:
    ///   - place: of the fragment in its chunk.
    ///   - count: how many fragments the chunk has.
    /// - Returns: `nil` when it says nothing new.
    /// - Throws: ``UpstreamFault/Kind/malformed`` for one call too many.
    mutating func take(
        _ fragment: OpenAIToolCallFragment, place: Int = 0, of count: Int = 1
    ) throws(UpstreamFault) -> ToolCallDelta? {
        let known = self.known(fragment, place: place, of: count)
        if known == nil {
            guard self.calls.count < Self.maximumCount else {
                throw UpstreamFault(.malformed, "an answer with more than \(Self.maximumCount) tool calls")
            }
            self.calls.append(Call(index: fragment.index))
        }
        let position = known ?? self.calls.count - 1
        var delta = ToolCallDelta(index: position, argumentsFragment: fragment.arguments)
        if let name = fragment.name, self.calls[position].name == nil {
            self.calls[position].name = name
            delta.name = name
            delta.id = fragment.id ?? self.calls[position].id ?? self.ids.id(position)
        }
        if let id = fragment.id, self.calls[position].id == nil { self.calls[position].id = id }
        self.calls[position].arguments.take(fragment.arguments)
        return delta.name == nil && delta.argumentsFragment.isEmpty ? nil : delta
    }

    /// The call that the fragment belongs to; `nil` for a new one.
    private func known(_ fragment: OpenAIToolCallFragment, place: Int, of count: Int) -> Int? {
        if let index = fragment.index {
            guard let position = self.calls.lastIndex(where: { $0.index == index }) else { return nil }
            return self.isNext(fragment, after: self.calls[position]) ? nil : position
        }
        if let id = fragment.id {
            return self.calls.lastIndex { $0.id == id }
        }
        guard let last = self.calls.last else { return nil }
        if fragment.name != nil {
            return count > 1 || fragment.name != last.name || last.arguments.isWhole ? nil : self.calls.count - 1
        }
        return count > 1 && place < self.calls.count ? place : self.calls.count - 1
    }

    /// Whether a fragment with the index of `call` is another call nevertheless.
    private func isNext(_ fragment: OpenAIToolCallFragment, after call: Call) -> Bool {
        if let id = fragment.id, let known = call.id { return id != known }
        guard let name = fragment.name, let known = call.name, fragment.id == nil else { return false }
        return name != known || (call.arguments.isWhole && !fragment.arguments.isEmpty)
    }
}

/// Ids of tool calls whose upstream gives none. Results name their call by them, over all turns of a conversation: the same
/// place in another answer has another one.
struct MadeUpIDs: Sendable {
    let requestID: String

    func id(_ position: Int) -> String {
        // FNV-1a: 64 bits that differ from request to request are enough, and keep the id below the 40 characters that
        // OpenAI takes.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self.requestID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return "call_\(String(hash, radix: 36))_\(position)"
    }
}

/// Notices the end of a JSON object that comes in pieces, without judging what is in it.
struct ObjectText: Sendable, Hashable {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Every brace that was opened is closed.
    private(set) var isWhole = false

    mutating func take(_ piece: String) {
        for byte in piece.utf8 {
            if self.isInString {
                if self.isEscaped {
                    self.isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    self.isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    self.isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): self.isInString = true
            case UInt8(ascii: "{"): self.depth += 1
            case UInt8(ascii: "}") where self.depth > 0:
                self.depth -= 1
                self.isWhole = self.depth == 0
            default: break
            }
        }
    }
}
