internal import Hummingbird
internal import Inference

/// An error in the shape that OpenAI's clients know: `{"error":{"message":…,"type":…,"param":…,"code":…}}`.
///
/// Source: <https://platform.openai.com/docs/guides/error-codes>, and what the official clients make of the status.
struct OpenAIError: Error, Hashable {
    var status: HTTPResponse.Status
    /// The class of error: `invalid_request_error`, `rate_limit_error`, `server_error`, ….
    var type: String
    /// The error itself: `model_not_found`, `context_length_exceeded`, …; `nil`: none fits.
    var code: String?
    /// A sentence that says what to do.
    var message: String
    /// The path of the field that is wrong: `messages[1].content`; `nil`: it is not about a field.
    var param: String?
    /// When a new attempt may help, in whole seconds; `nil`: not known, or never.
    var retryAfterSeconds: Int?
}
