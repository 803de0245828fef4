public import Inference

/// The beginnings of a prompt, each as a hash: after its first message, after its last ones, and after all of it.
///
/// An engine keeps what it has read. The next turn of a conversation begins with the whole of the one before, and other
/// questions about one document begin with the document: wherever one of these hashes was seen, some of the work is
/// done. A hint: two prompts of one hash only meet at an engine that reads one of them anew.
public struct PromptPrefix: Sendable, Hashable {
    /// From the shortest beginning to the whole prompt; at most ``mostHashes``.
    let hashes: [UInt64]

    /// The first beginning and the last ones are kept.
    public static let mostHashes = 8
    /// Bytes of text that are looked at: enough to tell conversations apart, and 10 µs at most.
    static let mostBytes = 16_384

    /// - Returns: `nil` when there is nothing to hash.
    public init?(of request: InferenceRequest) {
        self.init(of: request.messages, tools: request.tools)
    }

    init?(of messages: [Message], tools: [Tool] = []) {
        guard !messages.isEmpty else { return nil }
        // Templates write the tools before the conversation.
        var reader = PrefixReader()
        for tool in tools { reader.read(tool.name) }
        var hashes: [UInt64] = []
        for message in messages {
            reader.read(message)
            if hashes.count == Self.mostHashes { hashes.remove(at: 1) }
            hashes.append(reader.hash)
            if reader.isFull { break }
        }
        self.hashes = hashes
    }
}

/// Hashes a prompt, up to a limit.
private struct PrefixReader {
    private var hasher = Hasher()
    private var left = PromptPrefix.mostBytes

    var isFull: Bool { self.left == 0 }
    /// Of everything so far.
    var hash: UInt64 { UInt64(bitPattern: Int64(self.hasher.finalize())) }

    mutating func read(_ message: Message) {
        self.hasher.combine(message.role)
        for part in message.parts {
            switch part {
            case .text(let text): self.read(text)
            case .image(let image): self.read(image)
            case .toolCall(let call):
                self.read(call.name)
                self.read(call.argumentsJSON)
            case .toolResult(let result): self.read(result.content)
            case .reasoning(let reasoning): self.read(reasoning.text)
            }
        }
    }

    private mutating func read(_ image: Image) {
        switch image.source {
        case .url(let url): self.read(url)
        case .bytes(let bytes, let mediaType):
            // The size and some bytes: pictures are large, and seldom differ in these alone.
            self.read(mediaType)
            self.hasher.combine(bytes.count)
            for byte in bytes.suffix(64) { self.hasher.combine(byte) }
        }
    }

    /// Bytes as they are: `Hasher.combine` of a string normalizes it first.
    mutating func read(_ text: String) {
        let count = min(text.utf8.count, self.left)
        self.left -= count
        self.hasher.combine(text.utf8.count)
        let isRead: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { bytes in
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count])
            unsafe self.hasher.combine(bytes: bytes)
        }
        if isRead == nil {
            for byte in text.utf8.prefix(count) { self.hasher.combine(byte) }
        }
    }
}
