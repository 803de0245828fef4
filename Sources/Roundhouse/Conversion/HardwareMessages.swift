internal import Inference
internal import ModelLifecycle
internal import RoundhouseAPI
internal import SwiftProtobuf

// What the machine has, and what fits on it.

extension Roundhouse_V1_GetHardwareResponse {
    /// - Parameter devices: the memories as models are counted in them.
    init(_ reading: HardwareReading, devices: [ModelLifecycle.DeviceMemory], fits: [(ModelID, ModelFitness)]) {
        self.init()
        self.processor = .init(reading.processor)
        if let memory = reading.memory {
            self.memory = .init(memory, counted: devices.first { $0.device == memory.device })
        }
        self.gpus = reading.gpus.enumerated().map { offset, gpu in
            .with {
                $0.index = gpu.index ?? Int32(clamping: offset)
                $0.name = gpu.name
                $0.memory = .init(
                    MemoryReading(device: gpu.device, totalBytes: gpu.totalBytes, freeBytes: gpu.freeBytes),
                    counted: devices.first { $0.device == gpu.device }
                )
                $0.driverVersion = reading.driverVersion
            }
        }
        self.disks = reading.disks.map { disk in
            .with {
                $0.path = disk.path
                $0.totalBytes = disk.totalBytes
                $0.availableBytes = disk.availableBytes
            }
        }
        self.models = fits.map(Roundhouse_V1_ModelFit.init)
    }
}

extension GPUReading {
    /// The driver's number: some may have fallen off the bus before it.
    fileprivate var index: Int32? { Int32(self.device.name.split(separator: ":").last ?? "") }
}

extension Roundhouse_V1_Processor {
    init(_ processor: ProcessorReading) {
        self.init()
        self.name = processor.name
        self.logicalCores = Int32(clamping: processor.logicalCores)
        self.physicalCores = Int32(clamping: processor.physicalCores ?? 0)
        self.features = processor.features
        self.memoryBandwidthBytesPerSecond = processor.bandwidthBytesPerSecond
        self.architecture = processor.architecture
    }
}

extension Roundhouse_V1_MemoryStatus {
    init(_ memory: MemoryReading, counted: ModelLifecycle.DeviceMemory?) {
        self.init()
        self.totalBytes = memory.totalBytes
        self.availableBytes = memory.freeBytes
        self.budgetBytes = counted?.quotaBytes ?? 0
        self.usedByModelsBytes = counted.map { $0.actualBytes + $0.predictedBytes + $0.releasingBytes } ?? 0
    }
}

extension Roundhouse_V1_ModelFit {
    init(_ model: ModelID, _ fitness: ModelFitness) {
        self.init()
        self.model = model.description
        switch fitness.fit {
        case .well: self.fit = .well
        case .barely: self.fit = .barely
        case .not: self.fit = .not
        case .unknown: self.fit = .unspecified
        }
        self.reason = fitness.reason
        self.requiredBytes = fitness.requiredBytes
        self.device = fitness.device?.name ?? ""
        switch fitness.speed {
        case .slow: self.speed = .slow
        case .reading: self.speed = .reading
        case .fast: self.speed = .fast
        case .veryFast: self.speed = .veryFast
        case nil: self.speed = .unspecified
        }
        self.tokensPerSecond = fitness.tokensPerSecond
        self.measured = fitness.isMeasured
    }
}
