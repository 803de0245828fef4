internal import Inference
internal import ModelRegistry

/// What a request requires, made ready for comparing it with a thousand models.
struct RequirementCheck {
    private let task: ModelCategory
    private let categories: CategorySet
    /// Whether a model must be meant for the task, not only fit for it: so when the choice is the router's.
    private let isAutomatic: Bool
    private let capabilities: CapabilitySet
    private let flags: RouteRow.Flags
    private let minContextLength: Int
    /// Nano-USD for a token.
    private let maxPrice: Double
    /// Nano-USD.
    private let maxCost: Double
    private let inputTokens: Double
    private let outputTokens: Double?
    private let minQualityScore: Double
    private let minSafetyScore: Double
    /// Nanoseconds.
    private let maxLatency: Double
    /// By the table's providers; empty: all.
    private let providers: [Bool]
    /// A bit for each row of the table; empty: all.
    private let tagged: [UInt64]

    /// - Parameter isAutomatic: whether the choice is the router's; otherwise somebody wrote the candidates down.
    init(_ request: borrowing SelectionRequest, isAutomatic: Bool, table: RoutingTable) {
        self.task = request.task
        self.isAutomatic = isAutomatic
        if request.requirements.task == nil, request.impliedTask == .text, !isAutomatic {
            // Image and voice models answer with text too, and who is named is meant.
            self.categories = CategorySet.all.subtracting(CategorySet(.embedding))
        } else {
            self.categories = CategorySet(request.task)
        }
        self.capabilities = request.capabilities
        var flags: RouteRow.Flags = .allowed
        if request.requirements.freeOnly { flags.insert(.free) }
        if request.requirements.localOnly { flags.insert(.local) }
        self.flags = flags
        self.minContextLength =
            request.requirements.minContextLength.map {
                max($0, request.estimatedInputTokens + (request.maxOutputTokens ?? 0))
            } ?? -1
        self.maxPrice = request.requirements.maxPricePerMillionTokens.map { Double($0) / 1e6 } ?? .infinity
        self.maxCost = request.requirements.maxCostNanoUSD.map { Double($0) } ?? .infinity
        self.inputTokens = Double(request.estimatedInputTokens)
        self.outputTokens = request.maxOutputTokens.map { Double($0) }
        self.minQualityScore = request.requirements.minQualityScore ?? -1
        self.minSafetyScore = request.requirements.minSafetyScore ?? -1
        self.maxLatency = request.requirements.maxLatency?.nanoseconds ?? .infinity
        self.providers = Self.providers(request.requirements, table)
        self.tagged = Self.tagged(request.requirements.tags, table)
    }

    /// Whether the model of a row is everything that is required, but for what changes: see
    /// ``fulfilsLatency(_:_:at:)``.
    @inline(__always)
    func accepts(_ row: RouteRow, at index: Int32) -> Bool {
        let categories = self.isAutomatic ? row.category : row.uses
        guard row.capabilities.isSuperset(of: self.capabilities),
            row.flags.isSuperset(of: self.flags),
            !categories.isDisjoint(with: self.categories),
            row.contextLength >= self.minContextLength,
            max(row.inputPrice, row.outputPrice) <= self.maxPrice,
            row.qualityScore >= self.minQualityScore,
            row.safetyScore >= self.minSafetyScore
        else { return false }
        if self.maxCost.isFinite, row.cost(input: self.inputTokens, output: self.outputTokens) > self.maxCost {
            return false
        }
        if !self.providers.isEmpty, !self.providers[Int(row.provider)] { return false }
        return self.tagged.isEmpty || self.tagged[Int(index) >> 6] & (1 << UInt64(index & 63)) != 0
    }

    /// Whether a latency is required at all.
    var limitsLatency: Bool { self.maxLatency.isFinite }

    func fulfilsLatency(_ row: RouteRow, _ figures: ModelFigures, at now: UInt64) -> Bool {
        // Of whom nothing is known is taken to fulfil it, and NaN is not above anything.
        !(row.expectedLatency(figures, at: now) > self.maxLatency)
    }

    /// Everything that a model does not fulfil: none exactly when ``accepts(_:at:)`` and
    /// ``fulfilsLatency(_:_:at:)`` say so.
    ///
    /// - Parameter required: what the check was made of.
    func rejections(
        of model: ModelDescription,
        _ row: RouteRow,
        _ figures: ModelFigures,
        required: ModelRequirements,
        at now: UInt64
    ) -> [Rejection] {
        var found: [Rejection] = []
        if !row.flags.contains(.allowed) { found.append(.notAllowed) }
        if (self.isAutomatic ? row.category : row.uses).isDisjoint(with: self.categories) {
            found.append(.task(found: model.category, required: self.task))
        }
        let missing = self.capabilities.subtracting(row.capabilities)
        if !missing.isEmpty { found += missing.capabilities.map(Rejection.capability) }
        if row.contextLength < self.minContextLength {
            let known = row.contextLength >= 0 ? row.contextLength : nil
            found.append(.contextLength(found: known, required: self.minContextLength, isEstimate: false))
        }
        self.addPrices(of: model, row, required, to: &found)
        self.addScores(of: model, row, to: &found)
        if self.limitsLatency, !self.fulfilsLatency(row, figures, at: now), let allowed = required.maxLatency {
            let expected = Duration.nanoseconds(Int64(min(row.expectedLatency(figures, at: now), 9e18)))
            found.append(.latency(expected: expected, allowed: allowed))
        }
        if required.localOnly, !row.flags.contains(.local) { found.append(.notLocal) }
        let provider = model.id.provider
        if !required.allowedProviders.isEmpty, !required.allowedProviders.contains(provider) {
            found.append(.providerNotAllowed(provider))
        }
        if required.deniedProviders.contains(provider) { found.append(.providerDenied(provider)) }
        for tag in required.tags where !model.tags.contains(tag) { found.append(.tag(tag)) }
        return found
    }

    private func addPrices(
        of model: ModelDescription, _ row: RouteRow, _ required: ModelRequirements, to found: inout [Rejection]
    ) {
        if max(row.inputPrice, row.outputPrice) > self.maxPrice,
            let allowed = required.maxPricePerMillionTokens
        {
            found.append(.price(found: model.prices.map { max($0.input, $0.output) }, allowed: allowed))
        }
        let cost = row.cost(input: self.inputTokens, output: self.outputTokens)
        if cost > self.maxCost, let allowed = required.maxCostNanoUSD {
            found.append(.cost(found: cost.nanoUSD, allowed: allowed))
        }
        if required.freeOnly, !row.flags.contains(.free) {
            found.append(.notFree(pricesAreKnown: model.prices != nil))
        }
    }

    private func addScores(of model: ModelDescription, _ row: RouteRow, to found: inout [Rejection]) {
        if row.qualityScore < self.minQualityScore {
            found.append(.qualityScore(found: model.qualityScore, required: self.minQualityScore))
        }
        if row.safetyScore < self.minSafetyScore {
            found.append(.safetyScore(found: model.safetyScore, required: self.minSafetyScore))
        }
    }

    private static func providers(_ requirements: ModelRequirements, _ table: RoutingTable) -> [Bool] {
        guard !requirements.allowedProviders.isEmpty || !requirements.deniedProviders.isEmpty else { return [] }
        var allowed = Array(repeating: requirements.allowedProviders.isEmpty, count: table.providers.count)
        for id in requirements.allowedProviders {
            if let index = table.providerIndex[id] { allowed[Int(index)] = true }
        }
        for id in requirements.deniedProviders {
            if let index = table.providerIndex[id] { allowed[Int(index)] = false }
        }
        return allowed
    }

    private static func tagged(_ tags: [String], _ table: RoutingTable) -> [UInt64] {
        guard let first = tags.first else { return [] }
        var bits = self.bits(of: first, table)
        for tag in tags.dropFirst() {
            for (index, word) in self.bits(of: tag, table).enumerated() { bits[index] &= word }
        }
        return bits
    }

    private static func bits(of tag: String, _ table: RoutingTable) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: table.rows.count / 64 + 1)
        for row in table.rowsByTag[tag] ?? [] { bits[Int(row) >> 6] |= 1 << UInt64(row & 63) }
        return bits
    }
}

extension Double {
    /// Rounded up; `nil` when infinite, which is to say not known.
    var nanoUSD: Int64? {
        guard self.isFinite else { return nil }
        return self < 9e18 ? Int64(self.rounded(.up)) : .max
    }
}
