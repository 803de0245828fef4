internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    /// Which models are listed; `nil`: all.
    func listing(in snapshot: RegistrySnapshot) -> ((ModelDescription) -> Bool)? {
        let filter = self.ports.openRouter.filter
        guard !filter.allowsEverything else { return nil }
        let providers = snapshot.openRouterProviders
        return { !providers.contains($0.id.provider) || filter.allows($0) }
    }

    func getOpenRouterFilter(
        request: Roundhouse_V1_GetOpenRouterFilterRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetOpenRouterFilterResponse {
        .with { $0.filter = Roundhouse_V1_OpenRouterFilter(self.ports.openRouter.filter) }
    }

    func updateOpenRouterFilter(
        request: Roundhouse_V1_UpdateOpenRouterFilterRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateOpenRouterFilterResponse {
        try await self.answering {
            var reader = FieldReader("filter.")
            var filter = OpenRouterFilter(
                showFreeOnly: request.filter.showFreeOnly, preferFreeModels: request.filter.preferFreeModels)
            if request.filter.hasMaxPriceNanoUsd {
                let price = request.filter.maxPriceNanoUsd
                if price < 0 {
                    reader.report("max_price_nano_usd", found: "\(price)", expected: "a number from 0")
                }
                filter.maxPricePerMillionTokens = price
            }
            try reader.finish()
            try await self.ports.openRouter.update(filter)
            self.ports.recorder.record(
                GatewayEvent(
                    .configChanged,
                    reason: "UpdateOpenRouterFilter was called",
                    attributes: [
                        "show_free_only": "\(filter.showFreeOnly)",
                        "prefer_free_models": "\(filter.preferFreeModels)",
                        "max_price_nano_usd": filter.maxPricePerMillionTokens.map { "\($0)" } ?? "",
                    ]
                )
            )
            return .with { $0.filter = Roundhouse_V1_OpenRouterFilter(filter) }
        }
    }
}

extension Roundhouse_V1_OpenRouterFilter {
    init(_ filter: OpenRouterFilter) {
        self.init()
        self.showFreeOnly = filter.showFreeOnly
        self.preferFreeModels = filter.preferFreeModels
        if let price = filter.maxPricePerMillionTokens { self.maxPriceNanoUsd = price }
    }
}
