internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import RoundhouseAPI
internal import SwiftProtobuf

extension LifecycleService {
    func watchEvents(
        request: Roundhouse_V1_WatchEventsRequest,
        response: RPCWriter<Roundhouse_V1_WatchEventsResponse>,
        context: ServerContext
    ) async throws {
        try await self.answering {
            var reader = FieldReader()
            let filter = reader.eventFilter(request)
            let sequence = request.hasAfterSequence ? request.afterSequence : nil
            if let sequence, sequence < 0 {
                reader.report("after_sequence", found: "\(sequence)", expected: "0 or more")
            }
            try reader.finish()
            try await self.ports.events.watch(after: sequence, filter: filter) { item in
                try await response.write(.init(item))
            }
            try Task.checkCancellation()
            // Nothing else ends a watch: the client knows that it has to go on elsewhere or later.
            throw LifecycleError.shuttingDown
        }
    }

    func listEvents(
        request: Roundhouse_V1_ListEventsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListEventsResponse {
        try await self.answering {
            let limit = try Paging.limit(request.pageSize)
            var reader = FieldReader()
            let filter = reader.eventFilter(request)
            let sequence = request.pageToken.isEmpty ? nil : Int64(request.pageToken)
            if !request.pageToken.isEmpty, (sequence ?? 0) < 1 {
                reader.report("page_token", found: request.pageToken, expected: "next_page_token of the page before")
            }
            try reader.finish()
            // One more than the page, to know whether there is another.
            let events = try await self.ports.events.list(before: sequence, limit: limit + 1, filter: filter)
            let page = events.prefix(limit)
            return .with {
                $0.events = page.map(Roundhouse_V1_Event.init)
                if events.count > limit, let last = page.last { $0.nextPageToken = "\(last.sequence)" }
            }
        }
    }
}

extension Roundhouse_V1_WatchEventsResponse {
    fileprivate init(_ item: EventUpdate) {
        self.init()
        switch item {
        case .event(let event): self.event = .init(event)
        case .heartbeat(let sequence): self.heartbeat = .with { $0.sequence = sequence }
        }
    }
}
