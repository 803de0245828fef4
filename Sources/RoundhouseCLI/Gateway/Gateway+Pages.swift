internal import RoundhouseAPI
internal import SwiftProtobuf

/// Lists, page by page.
extension Gateway {
    private static let pageSize: Int32 = 1000

    /// Every model that the question is about.
    ///
    /// - Parameter question: its page size and token are ignored.
    /// - Returns: the pages as one, without a token.
    func models(_ question: Roundhouse_V1_ListModelsRequest) async throws -> Roundhouse_V1_ListModelsResponse {
        var answer = Roundhouse_V1_ListModelsResponse()
        answer.models = try await Self.everyPage { token in
            var request = question
            (request.pageSize, request.pageToken) = (Self.pageSize, token)
            let page = try await self.registry.listModels(request, options: self.queryOptions)
            answer.totalSize = page.totalSize
            return (page.models, page.nextPageToken)
        }
        return answer
    }

    /// Every provider.
    func providers() async throws -> [Roundhouse_V1_Provider] {
        try await Self.everyPage { token in
            let page = try await self.registry.listProviders(
                .with { ($0.pageSize, $0.pageToken) = (Self.pageSize, token) },
                options: self.queryOptions
            )
            return (page.providers, page.nextPageToken)
        }
    }

    /// Every alias.
    func aliases() async throws -> [Roundhouse_V1_Alias] {
        try await Self.everyPage { token in
            let page = try await self.registry.listAliases(
                .with { ($0.pageSize, $0.pageToken) = (Self.pageSize, token) },
                options: self.queryOptions
            )
            return (page.aliases, page.nextPageToken)
        }
    }

    /// Every loaded model, and the memories as the last page told them.
    func loadedModels() async throws -> Roundhouse_V1_ListLoadedModelsResponse {
        var answer = Roundhouse_V1_ListLoadedModelsResponse()
        answer.models = try await Self.everyPage { token in
            let page = try await self.lifecycle.listLoadedModels(
                .with { ($0.pageSize, $0.pageToken) = (Self.pageSize, token) },
                options: self.queryOptions
            )
            answer.devices = page.devices
            return (page.models, page.nextPageToken)
        }
        return answer
    }

    /// The newest events, newest first.
    ///
    /// - Parameters:
    ///   - question: its page size and token are ignored.
    ///   - limit: at least 1.
    func events(
        _ question: Roundhouse_V1_ListEventsRequest,
        limit: Int
    ) async throws -> [Roundhouse_V1_Event] {
        var count = 0
        let events = try await Self.everyPage { token in
            var request = question
            (request.pageSize, request.pageToken) = (Int32(clamping: min(1000, limit - count)), token)
            let page = try await self.lifecycle.listEvents(request, options: self.queryOptions)
            count += page.events.count
            return (page.events, count < limit ? page.nextPageToken : "")
        }
        return Array(events.prefix(limit))
    }

    /// The newest requests that pass a filter, newest first.
    ///
    /// - Parameter limit: at least 1.
    /// - Returns: the pages as one, without a token; `last_sequence` is that of the first page.
    func requests(filter: String, limit: Int) async throws -> Roundhouse_V1_ListRequestsResponse {
        var answer = Roundhouse_V1_ListRequestsResponse()
        var count = 0
        var isFirst = true
        let requests = try await Self.everyPage { token in
            let page = try await self.telemetry.listRequests(
                .with {
                    $0.filter = filter
                    ($0.pageSize, $0.pageToken) = (Int32(clamping: min(1000, limit - count)), token)
                },
                options: self.queryOptions
            )
            if isFirst { answer.lastSequence = page.lastSequence }
            isFirst = false
            count += page.requests.count
            return (page.requests, count < limit ? page.nextPageToken : "")
        }
        answer.requests = Array(requests.prefix(limit))
        return answer
    }

    /// Everything that is recommended, in the order of its numbers.
    func recommendations(
        _ range: Roundhouse_V1_MetricRange
    ) async throws -> Roundhouse_V1_ListRecommendationsResponse {
        var answer = Roundhouse_V1_ListRecommendationsResponse()
        answer.recommendations = try await Self.everyPage { token in
            let page = try await self.telemetry.listRecommendations(
                .with {
                    $0.range = range
                    ($0.pageSize, $0.pageToken) = (Self.pageSize, token)
                },
                options: self.queryOptions
            )
            return (page.recommendations, page.nextPageToken)
        }
        return answer
    }

    /// Everything that was out of the ordinary.
    ///
    /// - Parameter model: empty: of all.
    func anomalies(
        of model: String,
        _ range: Roundhouse_V1_MetricRange
    ) async throws -> Roundhouse_V1_ListAnomaliesResponse {
        var answer = Roundhouse_V1_ListAnomaliesResponse()
        answer.anomalies = try await Self.everyPage { token in
            let page = try await self.telemetry.listAnomalies(
                .with {
                    $0.model = model
                    $0.range = range
                    ($0.pageSize, $0.pageToken) = (Self.pageSize, token)
                },
                options: self.queryOptions
            )
            return (page.anomalies, page.nextPageToken)
        }
        return answer
    }

    private static func everyPage<Item>(
        _ fetch: (_ token: String) async throws -> (items: [Item], next: String)
    ) async throws -> [Item] {
        var items: [Item] = []
        var seen: Set<String> = []
        var token = ""
        repeat {
            let page = try await fetch(token)
            items += page.items
            token = page.next
            guard seen.insert(token).inserted else {
                throw CommandFailure.brokenPromise("the server sent the page token '\(token)' twice")
            }
        } while !token.isEmpty
        return items
    }
}
