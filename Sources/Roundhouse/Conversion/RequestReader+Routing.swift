internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RequestReader {
    /// - Throws: ``RequestError/invalidRequest(_:)`` with every violation.
    static func embeddingOrder(
        from message: Roundhouse_V1_EmbedRequest,
        makeID: () -> String
    ) throws(RequestError) -> EmbeddingOrder {
        var reader = RequestReader()
        let id = reader.requestID(message.requestID, makeID: makeID)
        let order = EmbeddingOrder(
            request: EmbeddingRequest(
                id: id,
                model: "",
                inputs: reader.inputs(message.inputs),
                dimensions: message.hasDimensions ? reader.dimensions(message.dimensions) : nil
            ),
            target: reader.target(message.model),
            routing: RoutingOptions(
                requirements: reader.requirements(message.requirements),
                strategy: message.strategy.isEmpty ? nil : message.strategy,
                tags: reader.tags(message.tags, field: "tags", most: 16)
            ),
            normalizes: message.hasNormalize && message.normalize,
            metadata: reader.metadata(message.metadata)
        )
        guard reader.violations.isEmpty else { throw .invalidRequest(reader.violations) }
        return order
    }

    /// - Throws: ``RequestError/invalidRequest(_:)`` with every violation.
    static func inferenceRequest(
        from message: Roundhouse_V1_ExplainRouteRequest
    ) throws(RequestError) -> InferenceRequest {
        var reader = RequestReader()
        var request = InferenceRequest(
            id: "",
            target: reader.target(message.model),
            messages: reader.messages(message.messages, mayBeEmpty: true),
            tools: reader.tools(message.tools),
            responseFormat: reader.responseFormat(message.responseFormat),
            routing: RoutingOptions(
                requirements: reader.requirements(message.requirements),
                strategy: message.strategy.isEmpty ? nil : message.strategy,
                priority: reader.priority(message.priority),
                tags: reader.tags(message.tags, field: "tags", most: 16)
            )
        )
        if message.hasMaxOutputTokens {
            request.sampling.maxOutputTokens = reader.atLeast(
                1, Int(message.maxOutputTokens), field: "max_output_tokens")
        }
        guard reader.violations.isEmpty else { throw .invalidRequest(reader.violations) }
        return request
    }

    mutating func inputs(_ inputs: [String], field: String = "inputs") -> [String] {
        if !(1...2048).contains(inputs.count) {
            self.report(FieldViolation(field, found: "\(inputs.count) texts", expected: "1 to 2048"))
        }
        for (index, input) in inputs.enumerated() where input.isEmpty {
            self.report(FieldViolation("\(field)[\(index)]", "is empty: a text is expected"))
        }
        return inputs
    }

    mutating func dimensions(_ dimensions: some BinaryInteger) -> Int {
        if !(1...65_536).contains(dimensions) {
            self.report(FieldViolation("dimensions", found: "\(dimensions)", expected: "a number from 1 to 65536"))
        }
        return Int(clamping: dimensions)
    }
}

// Who may answer, and what is done when somebody fails.
extension RequestReader {
    mutating func routing(_ message: some GenerationRequestMessage) -> RoutingOptions {
        RoutingOptions(
            requirements: self.requirements(message.requirements),
            strategy: message.strategy.isEmpty ? nil : message.strategy,
            recovery: self.recovery(message.recovery, default: type(of: message).defaultRecovery),
            holdBack: message.wantedHoldBack.map { self.holdBack($0) },
            priority: self.priority(message.priority),
            tags: self.tags(message.tags, field: "tags", most: 16),
            allowsSharing: message.hasShareIdentical ? message.shareIdentical : nil,
            wantsExplanation: message.explain
        )
    }

    private mutating func recovery(
        _ mode: Roundhouse_V1_RecoveryMode, default unspecified: RecoveryMode
    ) -> RecoveryMode {
        switch mode {
        case .unspecified: unspecified
        case .fail: .fail
        case .restart: .restart
        case .continue: .continue
        case .align: .align
        case .UNRECOGNIZED(let number): self.unknown(number, "recovery", of: "", "a RecoveryMode") ?? .fail
        }
    }

    private mutating func holdBack(_ message: Roundhouse_V1_HoldBack) -> HoldBack {
        if !message.hasCharacters && !message.hasDuration {
            self.report(FieldViolation("hold_back", "is empty: characters or duration is expected"))
        }
        if message.hasCharacters && message.characters < 1 {
            self.report(
                FieldViolation("hold_back.characters", found: "\(message.characters)", expected: "at least 1"))
        }
        return HoldBack(
            characters: message.hasCharacters ? Int(message.characters) : nil,
            duration: message.hasDuration
                ? self.positive(message.duration, field: "hold_back.duration") : nil)
    }

    mutating func priority(_ priority: Roundhouse_V1_RequestPriority) -> RequestPriority {
        switch priority {
        case .unspecified, .normal: .normal
        case .low: .low
        case .high: .high
        case .critical: .critical
        case .UNRECOGNIZED(let number): self.unknown(number, "priority", of: "", "a RequestPriority") ?? .normal
        }
    }

    /// Labels; each 1-63 bytes without control characters.
    mutating func tags(_ tags: [String], field: @autoclosure () -> String, most: Int) -> [String] {
        if tags.count > most {
            self.report(FieldViolation(field(), found: "\(tags.count) tags", expected: "at most \(most)"))
        }
        for (index, tag) in tags.enumerated() {
            let isFit = tag.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            if !(1...63).contains(tag.utf8.count) || !isFit {
                self.report(
                    FieldViolation(
                        "\(field())[\(index)]", found: tag, expected: "1-63 bytes without control characters"))
            }
        }
        return tags
    }

    mutating func requirements(_ message: Roundhouse_V1_ModelRequirements) -> ModelRequirements {
        ModelRequirements(
            task: message.task.isEmpty
                ? nil : self.named(message.task, as: ModelCategory.self, field: "requirements.task"),
            capabilities: Set(
                message.capabilities.enumerated().compactMap { index, name in
                    self.named(name, as: Capability.self, field: "requirements.capabilities[\(index)]")
                }),
            minContextLength: message.hasMinContextLength
                ? self.atLeast(1, Int(message.minContextLength), field: "requirements.min_context_length") : nil,
            maxPricePerMillionTokens: message.hasMaxPriceNanoUsd
                ? self.atLeast(0, message.maxPriceNanoUsd, field: "requirements.max_price_nano_usd") : nil,
            maxCostNanoUSD: message.hasMaxCostNanoUsd
                ? self.atLeast(0, message.maxCostNanoUsd, field: "requirements.max_cost_nano_usd") : nil,
            minQualityScore: message.hasMinQualityScore
                ? self.number(message.minQualityScore, in: 0...1, field: "requirements.min_quality_score") : nil,
            minSafetyScore: message.hasMinSafetyScore
                ? self.number(message.minSafetyScore, in: 0...1, field: "requirements.min_safety_score") : nil,
            maxLatency: message.hasMaxLatency
                ? self.positive(message.maxLatency, field: "requirements.max_latency") : nil,
            freeOnly: message.freeOnly,
            localOnly: message.localOnly,
            allowedProviders: self.providers(message.allowedProviders, field: "requirements.allowed_providers"),
            deniedProviders: self.providers(message.deniedProviders, field: "requirements.denied_providers"),
            tags: self.tags(message.tags, field: "requirements.tags", most: 64)
        )
    }

    mutating func named<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, as type: Value.Type, field: @autoclosure () -> String
    ) -> Value? {
        if let value = Value(rawValue: name) { return value }
        let expected = Value.allCases.map(\.rawValue).joined(separator: ", ")
        self.report(FieldViolation(field(), found: name, expected: "one of \(expected)"))
        return nil
    }

    private mutating func positive(_ message: Google_Protobuf_Duration, field: String) -> Duration? {
        let duration: Duration? = Duration(message)
        if let duration, duration > .zero { return duration }
        self.report(
            FieldViolation(
                field, found: "\(message.seconds)s \(message.nanos)ns", expected: "a duration above 0"))
        return nil
    }

    mutating func providers(_ names: [String], field: @autoclosure () -> String) -> [ProviderID] {
        names.enumerated().compactMap { index, name in
            if let id = ProviderID(name) { return id }
            self.report(
                FieldViolation(
                    "\(field())[\(index)]", found: name, expected: "a provider's name: \(ProviderID.expectation)"))
            return nil
        }
    }
}
