package import Inference
package import NIOCore

/// `GET /api/tags`, `POST /api/show` for each of them, and `GET /api/ps`.
package struct OllamaModelLister: ModelLister {
    /// Questions under way at a time.
    private static let width = 4

    private let api: OllamaAPI

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.api = OllamaAPI(client: try JSONClient(configuration, errors: .ollama, group: group))
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        let tags = try await self.api.tags()
        let running = try await self.api.running()
        let shown = try await self.show(tags.map(\.name))
        var builder = ListingBuilder()
        for tag in tags {
            guard let shown = shown[tag.name] else {
                builder.skip(tag.name, "it was deleted while it was being listed")
                continue
            }
            var listed = ListedModel(name: OllamaName.short(tag.name))
            listed.sizeBytes = tag.size.value
            listed.contextLength = shown.info?.contextLength
            listed.capabilities = shown.capabilities.map { Self.capabilities($0) }
            listed.category = listed.capabilities.flatMap { Self.category($0) }
            listed.isLoaded = running.contains {
                OllamaName.isSame($0.name, tag.name) || $0.digest == tag.digest
            }
            builder.add(listed)
        }
        return builder.listing
    }

    /// What each model can do, without those that are gone meanwhile.
    private func show(_ names: [String]) async throws(UpstreamFault) -> [String: OllamaShow] {
        let results = await withTaskGroup(of: (String, Result<OllamaShow, UpstreamFault>).self) { group in
            var waiting = names[...]
            var results: [(String, Result<OllamaShow, UpstreamFault>)] = []
            let start = { (group: inout TaskGroup<(String, Result<OllamaShow, UpstreamFault>)>) in
                guard let name = waiting.popFirst() else { return }
                group.addTask {
                    do throws(UpstreamFault) {
                        return (name, .success(try await self.api.show(name)))
                    } catch {
                        return (name, .failure(error))
                    }
                }
            }
            for _ in 0..<Self.width { start(&group) }
            while let result = await group.next() {
                results.append(result)
                start(&group)
            }
            return results
        }
        var shown: [String: OllamaShow] = [:]
        for (name, result) in results {
            switch result {
            case .success(let answer): shown[name] = answer
            case .failure(let fault) where fault.httpStatus == 404: continue
            case .failure(let fault): throw fault
            }
        }
        return shown
    }

    static func capabilities(_ words: [String]) -> Set<Capability> {
        var capabilities: Set<Capability> = []
        for word in words {
            switch word {
            case "completion": capabilities.formUnion([.chat, .completion, .streaming])
            case "tools": capabilities.insert(.tools)
            case "vision": capabilities.insert(.vision)
            case "thinking": capabilities.insert(.reasoning)
            case "embedding": capabilities.insert(.embeddings)
            // Such as `insert`, for which nothing of ours asks.
            default: continue
            }
        }
        return capabilities
    }

    private static func category(_ capabilities: Set<Capability>) -> ModelCategory? {
        if capabilities.contains(.chat) { return .text }
        return capabilities.contains(.embeddings) ? .embedding : nil
    }
}
