internal import Inference
internal import RoundhouseAPI

/// Reads requests from their messages and collects every violation, so that a client learns of all of them at once.
struct RequestReader {
    private(set) var violations: [FieldViolation] = []

    mutating func report(_ violation: FieldViolation) { self.violations.append(violation) }

    /// - Throws: ``RequestError/invalidRequest(_:)`` with every violation.
    static func inferenceRequest(
        from message: some GenerationRequestMessage,
        makeID: () -> String
    ) throws(RequestError) -> InferenceRequest {
        var reader = RequestReader()
        let request = InferenceRequest(
            id: reader.requestID(message.requestID, makeID: makeID),
            target: reader.target(message.model),
            messages: reader.messages(message.messages),
            sampling: reader.sampling(message),
            tools: reader.tools(message.tools),
            toolChoice: reader.toolChoice(message.hasToolChoice ? message.toolChoice : nil, among: message.tools),
            allowsParallelToolCalls: message.hasParallelToolCalls ? message.parallelToolCalls : nil,
            responseFormat: reader.responseFormat(message.responseFormat),
            reasoning: message.hasReasoning ? reader.reasoning(message.reasoning) : nil,
            routing: reader.routing(message),
            metadata: reader.metadata(message.metadata)
        )
        guard reader.violations.isEmpty else { throw .invalidRequest(reader.violations) }
        return request
    }

    /// Whether a client wants to know how the load of a model goes that has to be loaded first.
    static func wantsProgress(_ message: Roundhouse_V1_StreamGenerateRequest) -> Bool { message.includeProgress }

    /// - Throws: ``RequestError/invalidRequest(_:)`` with every violation.
    static func inferenceRequest(
        from message: Roundhouse_V1_CountTokensRequest
    ) throws(RequestError) -> InferenceRequest {
        var reader = RequestReader()
        let request = InferenceRequest(
            id: "",
            target: reader.target(message.model),
            messages: reader.messages(message.messages)
        )
        guard reader.violations.isEmpty else { throw .invalidRequest(reader.violations) }
        return request
    }

    // MARK: - Fields

    mutating func target(_ text: String, field: @autoclosure () -> String = "model") -> InferenceRequest.Target {
        if let target = InferenceRequest.Target(text) { return target }
        self.violations.append(
            FieldViolation(
                field(),
                found: text,
                expected: "a model id (\(ModelID.expectation)), an alias (\(ProviderID.expectation)), 'auto' or nothing"
            )
        )
        return .automatic
    }

    mutating func requestID(_ text: String, makeID: () -> String) -> String {
        guard !text.isEmpty else { return makeID() }
        if !RequestID.isValid(text) {
            self.violations.append(
                FieldViolation("request_id", found: text, expected: "1-128 printable ASCII characters without spaces")
            )
        }
        return text
    }

    private mutating func sampling(_ message: some GenerationRequestMessage) -> SamplingParameters {
        var sampling = SamplingParameters()
        if message.hasTemperature {
            sampling.temperature = self.number(message.temperature, in: 0...2, field: "temperature")
        }
        if message.hasTopP { sampling.topP = self.topP(message.topP) }
        if message.hasMaxOutputTokens {
            sampling.maxOutputTokens = self.atLeast(1, Int(message.maxOutputTokens), field: "max_output_tokens")
        }
        sampling.stop = self.stop(message.stop)
        sampling.seed = message.hasSeed ? message.seed : nil
        if message.hasPresencePenalty {
            sampling.presencePenalty = self.number(message.presencePenalty, in: -2...2, field: "presence_penalty")
        }
        if message.hasFrequencyPenalty {
            sampling.frequencyPenalty = self.number(message.frequencyPenalty, in: -2...2, field: "frequency_penalty")
        }
        return sampling
    }

    mutating func topP(_ value: Double) -> Double {
        if !(value > 0 && value <= 1) {
            self.violations.append(FieldViolation("top_p", found: "\(value)", expected: "a number above 0 and up to 1"))
        }
        return value
    }

    mutating func atLeast<Number: FixedWidthInteger>(
        _ least: Number, _ value: Number, field: @autoclosure () -> String
    ) -> Number {
        if value < least { self.report(FieldViolation(field(), found: "\(value)", expected: "at least \(least)")) }
        return value
    }

    mutating func number(
        _ value: Double, in range: ClosedRange<Double>, field: @autoclosure () -> String
    ) -> Double {
        // NaN is in no range, so it ends up here too.
        if !range.contains(value) {
            let bounds = "\(Int(range.lowerBound)) to \(Int(range.upperBound))"
            self.violations.append(FieldViolation(field(), found: "\(value)", expected: "a number from \(bounds)"))
        }
        return value
    }

    mutating func stop(_ sequences: [String]) -> [String] {
        if sequences.count > 16 {
            self.violations.append(
                FieldViolation("stop", found: "\(sequences.count) sequences", expected: "at most 16")
            )
        }
        for (index, sequence) in sequences.enumerated() where sequence.isEmpty {
            self.violations.append(FieldViolation("stop[\(index)]", "is empty: a sequence of characters is expected"))
        }
        return sequences
    }

    mutating func metadata(
        _ metadata: [String: String], field: @autoclosure () -> String = "metadata"
    ) -> [String: String] {
        if metadata.count > 16 {
            self.violations.append(
                FieldViolation(field(), found: "\(metadata.count) entries", expected: "at most 16")
            )
        }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            if key.isEmpty || key.utf8.count > 64 {
                self.violations.append(
                    FieldViolation(field(), found: "a key of \(key.utf8.count) bytes", expected: "1-64 bytes")
                )
            }
            if value.utf8.count > 512 {
                self.violations.append(
                    FieldViolation(
                        "\(field())['\(key.prefix(64))']",
                        found: "\(value.utf8.count) bytes",
                        expected: "at most 512 bytes"
                    )
                )
            }
        }
        return metadata
    }
}
