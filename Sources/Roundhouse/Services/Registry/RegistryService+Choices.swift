internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

// What a client asks that chooses a model: which one an alias means, what it can do, and what it may cost.
extension RegistryService {
    func getCurrentModel(
        request: Roundhouse_V1_GetCurrentModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetCurrentModelResponse {
        try await self.answering {
            let name = request.alias.isEmpty ? Self.defaultAlias : request.alias
            var reader = FieldReader()
            _ = reader.aliasName(name, "alias")
            try reader.finish()
            let lookup = ModelLookup(self.ports)
            guard let alias = lookup.snapshot.alias(name) else { throw ServiceError.aliasNotFound(name) }
            guard let id = alias.foremostModel, let model = lookup.snapshot.model(id) else {
                throw ServiceError.modelNotFound(name)
            }
            return .with {
                $0.alias = name
                $0.model = lookup.message(model)
                $0.loaded = $0.model.loaded
            }
        }
    }

    func getModelCapabilities(
        request: Roundhouse_V1_GetModelCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelCapabilitiesResponse {
        try await self.answering {
            let model = try ModelLookup(self.ports).model(request.model)
            return .with {
                $0.model = model.id.description
                $0.capabilities = model.capabilities.sorted().map(Roundhouse_V1_Capability.init)
                $0.category = .init(model.category)
                $0.contextLength = Int64(model.contextLength ?? 0)
                $0.maxOutputTokens = Int64(model.maxOutputTokens ?? 0)
            }
        }
    }

    func listFreeModels(
        request: Roundhouse_V1_ListFreeModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListFreeModelsResponse {
        try await self.answering {
            let limit = try Paging.limit(request.pageSize)
            let provider = try self.provider(of: request.provider)
            let paging = KeyedPaging(question: "free models \(request.provider)")
            let position = try paging.position(request.pageToken)
            let lookup = ModelLookup(self.ports)
            let models = self.choices(in: lookup.snapshot, of: provider).filter(\.prices.isFree)
            let page = paging.page(models, after: position, limit: limit, key: \.model.id.description)
            return .with {
                $0.models = page.elements.map { lookup.message($0.model) }
                $0.nextPageToken = page.nextToken
                $0.totalSize = Int32(clamping: models.count)
            }
        }
    }

    func listAffordableModels(
        request: Roundhouse_V1_ListAffordableModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListAffordableModelsResponse {
        try await self.answering {
            let limit = try Paging.limit(request.pageSize)
            let most = try Self.mostNanoUSDPerMillionTokens(request)
            let provider = try self.provider(of: request.provider)
            let paging = KeyedPaging(question: "affordable models \(most) \(request.provider)")
            let position = try paging.position(request.pageToken)
            let lookup = ModelLookup(self.ports)
            let models = self.choices(in: lookup.snapshot, of: provider).filter { $0.dearerPrice <= most }
            let page = paging.page(models, after: position, limit: limit) {
                "\(KeyedPaging.digits(UInt64(clamping: $0.dearerPrice))) \($0.model.id)"
            }
            return .with {
                $0.models = page.elements.map { lookup.message($0.model) }
                $0.nextPageToken = page.nextToken
                $0.totalSize = Int32(clamping: models.count)
            }
        }
    }
}

// MARK: - How it is done

/// A model that requests may reach, and what it costs.
private struct ModelChoice {
    var model: ModelDescription
    var prices: ModelPrices

    /// In nano-USD for a million tokens.
    var dearerPrice: Int64 { max(self.prices.input, self.prices.output) }
}

extension RegistryService {
    /// The alias that is meant where none is said.
    private static let defaultAlias = "default"

    /// The models that requests may reach and whose prices are known, by id.
    private func choices(in snapshot: RegistrySnapshot, of provider: ProviderID?) -> [ModelChoice] {
        let isListed = self.listing(in: snapshot)
        return snapshot.models.compactMap { model in
            guard provider == nil || model.id.provider == provider, snapshot.disabledReason(of: model) == nil,
                isListed?(model) ?? true, let prices = snapshot.effectivePrices(of: model)
            else { return nil }
            return ModelChoice(model: model, prices: prices)
        }
    }

    private func provider(of text: String) throws(ServiceError) -> ProviderID? {
        guard !text.isEmpty else { return nil }
        var reader = FieldReader()
        let provider = reader.providerID(text, "provider")
        try reader.finish()
        return provider
    }

    private static func mostNanoUSDPerMillionTokens(
        _ request: Roundhouse_V1_ListAffordableModelsRequest
    ) throws(ServiceError) -> Int64 {
        let expected = "the most US dollars that a token may cost, 0 or more: 0.000002 is 2 dollars for a million"
        guard request.hasMaxCostPerToken else {
            throw .invalid("max_cost_per_token", found: "", expected: expected)
        }
        guard let most = TokenPrice.nanoUSDPerMillion(upTo: request.maxCostPerToken) else {
            throw .invalid("max_cost_per_token", found: "\(request.maxCostPerToken)", expected: expected)
        }
        return most
    }
}

/// What a token costs, between people's dollars and the registry's whole numbers.
enum TokenPrice {
    /// The greatest price, in nano-USD for a million tokens, that is at most so many US dollars for one token.
    ///
    /// Dollars that are computed miss the price they mean by a few units of their last place: 0.1 + 0.7 is less than 0.8.
    /// As much is granted, so that a model that costs exactly what was said is one of those that cost no more. Below
    /// 1 USD a token that is less than a single nano-USD.
    ///
    /// - Returns: `nil` for what is no amount: less than 0, not a number, or without end.
    static func nanoUSDPerMillion(upTo dollarsPerToken: Double) -> Int64? {
        guard dollarsPerToken >= 0, dollarsPerToken.isFinite else { return nil }
        let scaled = dollarsPerToken * 1e15
        let granted = (scaled + 4 * scaled.ulp).rounded(.down)
        // Beyond what prices can be: everything costs less.
        return granted < 0x1p63 ? Int64(granted) : .max
    }
}

extension RegistrySnapshot {
    /// Kinds of providers that run models themselves when they are on this machine. Others may well be a way to somebody
    /// who is paid.
    private static let runningKinds: Set = ["ollama", "lm_studio"]

    /// What a model's tokens cost; `nil` when that is not known. What runs on this machine costs nothing, unless someone says
    /// otherwise.
    func effectivePrices(of model: ModelDescription) -> ModelPrices? {
        if let prices = model.prices { return prices }
        switch self.place(of: model.id.provider) {
        case .ours: return .free
        case .thisMachine:
            let kind = self.provider(model.id.provider)?.kind
            return kind.map(Self.runningKinds.contains) == true ? .free : nil
        case .elsewhere: return nil
        }
    }
}

extension ModelRegistry.Alias {
    /// The model that most requests for the alias go to: of an ordered one the first, of a weighted one the first of the
    /// greatest weight.
    var foremostModel: ModelID? {
        guard self.mode == .weighted, let most = self.weightedTargets.map(\.weight).max() else {
            return self.activeModel
        }
        return self.weightedTargets.first { $0.weight == most }?.model
    }
}
