internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension LifecycleService {
    func getModelsStatus(
        request: Roundhouse_V1_GetModelsStatusRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelsStatusResponse {
        try await self.answering {
            var reader = FieldReader()
            let category = reader.category(request.category)
            let provider = request.provider.isEmpty ? nil : reader.providerID(request.provider, "provider")
            try reader.finish()
            let memory = ModelMemory(self.ports)
            let lookup = ModelLookup(self.ports)
            let models = memory.snapshot.models.filter {
                (category == nil || $0.category == category) && (provider == nil || $0.id.provider == provider)
            }
            return .with {
                $0.installedModels = models.map { .init($0, memory: memory, state: lookup.message($0).state) }
                $0.loadedModelsCount = Int32(clamping: $0.installedModels.count(where: \.loaded))
                $0.totalModelsCount = Int32(clamping: models.count)
            }
        }
    }
}

extension FieldReader {
    fileprivate mutating func category(_ text: String) -> Inference.ModelCategory? {
        guard !text.isEmpty else { return nil }
        if let category = Inference.ModelCategory(rawValue: text) { return category }
        let known = Inference.ModelCategory.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        self.report("category", found: text, expected: "one of \(known), or nothing for all")
        return nil
    }
}

extension Roundhouse_V1_InstalledModel {
    fileprivate init(_ model: ModelDescription, memory: ModelMemory, state: Roundhouse_V1_ModelState) {
        self.init()
        let bytes = ModelMemory.fileSize(of: model)
        self.name = model.id.description
        self.displayName = model.displayName
        self.category = model.category.rawValue
        self.provider = model.id.provider.rawValue
        self.enabled = memory.snapshot.disabledReason(of: model) == nil
        self.loaded = memory.isLoaded(model.id)
        self.canLoad = memory.canLoad(model)
        self.lazyLoad = memory.isLazy(model)
        self.sizeBytes = bytes
        self.sizeGb = Self.gigabytes(bytes)
        self.inferenceEngine = model.engine ?? ""
        self.state = state
    }

    /// Rounded to three digits behind the point.
    private static func gigabytes(_ bytes: Int64) -> Double {
        (Double(bytes) / 1_000_000).rounded() / 1000
    }
}
