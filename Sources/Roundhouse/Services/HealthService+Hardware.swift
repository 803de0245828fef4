internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension HealthService {
    func getHardware(
        request: Roundhouse_V1_GetHardwareRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetHardwareResponse {
        do {
            let survey = HardwareSurvey(self.ports)
            let candidates = try await survey.candidates(request.models)
            let reading = await self.ports.hardware()
            let fits = try await survey.judge(candidates, reading)
            return .init(reading, devices: self.ports.loading.devices(), fits: fits)
        } catch {
            throw ServiceError(error)
        }
    }
}

/// Which models could be run on this machine, and how each fits.
struct HardwareSurvey {
    /// A model that somebody could load: registered, or only listed by a provider that loads models.
    struct Candidate: Sendable, Hashable {
        var id: ModelID
        var isRegistered: Bool
        var category: ModelCategory
        /// Of its files, in bytes; 0 when not known.
        var sizeBytes: Int64
        var measuredTokensPerSecond: Double?
        var place: ModelFitness.Subject.Place
    }

    /// A provider's listing is waited for so long: who is down shall not keep the others' figures.
    private static let listingTimeout = Duration.seconds(5)

    private let ports: ServicePorts
    private let lookup: ModelLookup

    init(_ ports: ServicePorts) {
        self.ports = ports
        self.lookup = ModelLookup(ports)
    }

    /// The models that are named, or all.
    ///
    /// - Throws: ``ServiceError`` for names of no model, or of one that nobody loads.
    func candidates(_ names: [String]) async throws -> [Candidate] {
        let registered = self.lookup.snapshot.models
            .filter { self.lookup.isManaged($0.id) }
            .map { self.candidate($0) }
        let known = Set(registered.map(\.id))
        guard !names.isEmpty else { return registered + (await self.listed()).filter { !known.contains($0.id) } }
        var listed: [Candidate]?
        var wanted: [Candidate] = []
        for (index, name) in names.enumerated() {
            let found: Candidate
            do throws(ServiceError) {
                found = self.candidate(try self.lookup.loadableModel(name, field: "models[\(index)]"))
            } catch {
                // Only who asks for what is not registered waits for the listings.
                let all = if let listed { listed } else { await self.listed() }
                listed = all
                guard let other = all.first(where: { $0.id.description == name }) else { throw error }
                found = other
            }
            if !wanted.contains(where: { $0.id == found.id }) { wanted.append(found) }
        }
        return wanted
    }

    /// The best fitting first, of those the fastest.
    func judge(_ candidates: [Candidate], _ reading: HardwareReading) async throws -> [(ModelID, ModelFitness)] {
        var fits: [(id: ModelID, fitness: ModelFitness)] = []
        for candidate in candidates {
            try Task.checkCancellation()
            let subject = ModelFitness.Subject(
                plan: candidate.isRegistered ? await self.plan(candidate.id) : nil,
                sizeBytes: candidate.sizeBytes,
                isText: candidate.category == .text,
                measuredTokensPerSecond: candidate.measuredTokensPerSecond,
                place: candidate.place
            )
            let fitness = ModelFitness(
                of: subject, devices: self.memories(reading), bandwidths: reading.bandwidths)
            fits.append((candidate.id, fitness))
        }
        return fits.sorted { left, right in
            let (one, other) = (left.fitness, right.fitness)
            return (one.fit, -one.tokensPerSecond, left.id) < (other.fit, -other.tokensPerSecond, right.id)
        }
    }

    /// A model that cannot be planned for is judged by its size.
    private func plan(_ model: ModelID) async -> LoadPlan? {
        try? await self.ports.loading.plan(model, version: nil, contextLength: nil)
    }

    /// Those that models are counted in; what was read of others stands beside them.
    private func memories(_ reading: HardwareReading) -> [DeviceMemory] {
        let counted = self.ports.loading.devices()
        let known = Set(counted.map(\.device))
        let read =
            (reading.memory.map { [$0] } ?? [])
            + reading.gpus.map { MemoryReading(device: $0.device, totalBytes: $0.totalBytes, freeBytes: $0.freeBytes) }
        return counted
            + read.filter { !known.contains($0.device) }.map { memory in
                DeviceMemory(
                    device: memory.device, totalBytes: memory.totalBytes, freeBytes: memory.freeBytes,
                    quotaBytes: memory.totalBytes)
            }
    }

    private func candidate(_ model: ModelDescription) -> Candidate {
        let measured = model.profile?.tokensPerSecond ?? 0
        return Candidate(
            id: model.id,
            isRegistered: true,
            category: model.category,
            sizeBytes: model.active?.sizeBytes ?? model.sizeBytes ?? 0,
            measuredTokensPerSecond: measured > 0 ? measured : nil,
            place: self.lookup.snapshot.place(of: model.id.provider)
        )
    }

    // MARK: - Listings

    /// Kinds of providers that load models of their own.
    private static let loadingKinds: Set = [ProviderID.local.rawValue, "ollama", "lm_studio"]

    /// What is there to be loaded and registered under no name.
    private func listed() async -> [Candidate] {
        let snapshot = self.lookup.snapshot
        let paths = Set(snapshot.models.flatMap { $0.versions.map(\.path) })
        let providers = snapshot.providers.filter { $0.isEnabled && Self.loadingKinds.contains($0.kind) }.map(\.id)
        let listings = await withTaskGroup(of: (ProviderID, [ListedModel]).self) { group in
            for provider in providers {
                guard let lister = self.ports.discovery.lister(provider) else { continue }
                group.addTask { (provider, await Self.list(lister)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return providers.flatMap { provider in
            (listings[provider] ?? []).compactMap { listed in
                guard let id = ModelID(provider: provider, name: listed.name),
                    !(listed.path.map(paths.contains) ?? false)
                else { return nil }
                return Candidate(
                    id: id,
                    isRegistered: false,
                    category: listed.category ?? .text,
                    sizeBytes: listed.sizeBytes ?? 0,
                    place: snapshot.place(of: provider)
                )
            }
        }
    }

    /// Empty when it cannot be asked or takes too long: discovery is where that is told.
    private static func list(_ lister: any ModelLister) async -> [ListedModel] {
        await withTaskGroup(of: [ListedModel].self) { group in
            group.addTask { (try? await lister.listModels())?.models ?? [] }
            group.addTask {
                try? await Task.sleep(for: Self.listingTimeout)
                return []
            }
            defer { group.cancelAll() }
            return await group.next() ?? []
        }
    }
}

extension RegistrySnapshot {
    /// Who runs the models of a provider.
    func place(of provider: ProviderID) -> ModelFitness.Subject.Place {
        guard provider != .local else { return .ours }
        guard let address = self.provider(provider)?.baseURL,
            case .success(let url) = EndpointURL.parse(address), url.isLoopback
        else { return .elsewhere }
        return .thisMachine(program: provider.rawValue)
    }
}
