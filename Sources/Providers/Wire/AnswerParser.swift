internal import CSimdJSON
import Inference
import Synchronization

/// The safe face of `CSimdJSON`: one JSON text in, its known fields out.
///
/// A parser holds some 16 KiB of buffers, so streams do not own one: they borrow one for a batch of chunks.
@safe struct AnswerParser: ~Copyable {
    let handle: OpaquePointer

    private init(_ handle: OpaquePointer) {
        unsafe self.handle = unsafe handle
    }

    /// Lends a parser to `body`, from a stock that grows to the number of threads that parse at once.
    static func borrowed<Result: ~Copyable>(
        _ body: (borrowing AnswerParser) throws(UpstreamFault) -> Result
    ) throws(UpstreamFault) -> Result {
        let kept = self.stock.withLock { $0.popLast() }
        guard let handle = unsafe kept?.pointer ?? csj_parser_create() else {
            throw UpstreamFault(.serverError, "no memory for a JSON parser")
        }
        defer {
            let returned = unsafe Handle(pointer: handle)
            self.stock.withLock { $0.append(returned) }
        }
        return try body(unsafe AnswerParser(handle))
    }

    /// What the body of an HTTP error says; `nil` when it is not JSON.
    func error(_ text: Span<UInt8>) -> UpstreamErrorDetail? {
        var raw = unsafe csj_error()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_error(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        return status == CSJ_OK ? unsafe UpstreamErrorDetail(raw) : nil
    }

    /// What a tokenizer endpoint answers: the rendered prompt of one, the number of tokens of another.
    func tokenization(_ text: Span<UInt8>) throws(UpstreamFault) -> (prompt: String?, tokens: Int?) {
        var raw = unsafe csj_tokenization()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_tokenization(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        return unsafe (raw.prompt.string, raw.token_count < 0 ? nil : Int(raw.token_count))
    }

    /// A JSON object without its white space, which is what may be put into a request as it is.
    ///
    /// - Returns: `nil` when the text is anything else.
    func compactObject(_ text: Span<UInt8>) -> String? {
        var object = unsafe csj_text()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_compact_object(self.handle, bytes.baseAddress, bytes.count, &object)
        }
        return status == CSJ_OK ? unsafe object.string : nil
    }

    static func fault(
        _ status: csj_status, field: UnsafePointer<CChar>?, _ text: Span<UInt8>
    ) -> UpstreamFault {
        switch status {
        case CSJ_WRONG_TYPE:
            let name = unsafe field.map { unsafe String(cString: $0) } ?? "a field"
            return UpstreamFault(.malformed, "\(name) has the wrong type in: \(text.excerpt)")
        case CSJ_TOO_LARGE: return UpstreamFault(.malformed, "a JSON text of \(text.count) bytes is too long")
        case CSJ_NO_MEMORY: return UpstreamFault(.serverError, "no memory for a JSON text of \(text.count) bytes")
        default: return UpstreamFault(.malformed, "expected JSON, got: \(text.excerpt)")
        }
    }

    /// A parser that nobody uses at the moment.
    ///
    /// Sendable, because whoever took it out of the stock is alone with it.
    @safe private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private static let stock = Mutex<[Handle]>([])
}

/// The `error` of an answer, copied out.
package struct UpstreamErrorDetail: Sendable, Hashable {
    package var message: String?
    package var type: String?
    package var code: String?
    /// `code` where it was a number, as OpenRouter and llama.cpp write it.
    package var status: Int?
    /// Azure's `innererror.code`.
    package var innerCode: String?
    /// What a filter objected to: `hate, violence`.
    package var filtered: String?
    /// Who behind OpenRouter failed.
    package var provider: String?
    /// What that one said.
    package var raw: String?

    package init(message: String? = nil, type: String? = nil, code: String? = nil, status: Int? = nil) {
        self.message = message
        self.type = type
        self.code = code
        self.status = status
    }

    init?(_ raw: csj_error) {
        guard unsafe raw.present else { return nil }
        unsafe self.init(
            message: raw.message.nonEmptyString,
            type: raw.type.nonEmptyString,
            code: raw.code.nonEmptyString,
            status: raw.status == 0 ? nil : Int(raw.status)
        )
        self.innerCode = unsafe raw.inner_code.nonEmptyString
        self.filtered = unsafe raw.filtered.nonEmptyString
        self.provider = unsafe raw.provider.nonEmptyString
        self.raw = unsafe raw.raw.nonEmptyString
    }
}

extension csj_text {
    var string: String? {
        guard let data = unsafe self.data else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: data, count: self.length), as: UTF8.self)
    }

    var nonEmptyString: String? {
        unsafe self.length == 0 ? nil : self.string
    }
}

extension Span<UInt8> {
    /// The beginning of the bytes for a message, on one line.
    var excerpt: String {
        let shown = self.extracting(0..<Swift.min(self.count, 120)).text
        return String(shown.map { $0.isNewline ? " " : $0 }) + (self.count > 120 ? "…" : "")
    }
}
