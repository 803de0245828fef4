internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct Filter: ClientCommand {
        static let configuration = CommandConfiguration(
            commandName: "openrouter-filter",
            abstract: "Show or change which of OpenRouter's models are used.",
            discussion: """
                Without options it shows what is in force. A change holds at once and over restarts, before what the \
                configuration and the OPENROUTER_* variables say.
                """
        )

        @Option(help: ArgumentHelp("Only free models are listed and asked.", valueName: "true|false"))
        var showFreeOnly: Bool?

        @Option(
            name: .customLong("prefer-free"),
            help: ArgumentHelp("Free models come first when the server chooses.", valueName: "true|false")
        )
        var preferFree: Bool?

        @Option(
            help: ArgumentHelp(
                "The highest price of a model, in USD for a million tokens; 'none' for no limit.",
                valueName: "usd|none"
            )
        )
        var maxPrice: PriceLimitArgument?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        private var changesAnything: Bool {
            self.showFreeOnly != nil || self.preferFree != nil || self.maxPrice != nil
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            var filter = try await gateway.registry.getOpenRouterFilter(.init(), options: gateway.queryOptions).filter
            if self.changesAnything {
                if let value = self.showFreeOnly { filter.showFreeOnly = value }
                if let value = self.preferFree { filter.preferFreeModels = value }
                switch self.maxPrice {
                case .none: break
                case .unlimited: filter.clearMaxPriceNanoUsd()
                case .nanoUSD(let nanos): filter.maxPriceNanoUsd = nanos
                }
                filter = try await gateway.registry.updateOpenRouterFilter(
                    .with { $0.filter = filter },
                    options: gateway.queryOptions
                ).filter
            }
            guard !self.connection.json else { return try await console.write(json: filter) }
            try await console.write(ProviderTexts.page(filter))
        }
    }
}

/// `--max-price`.
enum PriceLimitArgument: ExpressibleByArgument, Sendable, Hashable {
    case unlimited
    /// For a million tokens.
    case nanoUSD(Int64)

    init?(argument: String) {
        if argument == "none" {
            self = .unlimited
        } else if let nanos = Prices.nanos(argument) {
            self = .nanoUSD(nanos)
        } else {
            return nil
        }
    }
}
