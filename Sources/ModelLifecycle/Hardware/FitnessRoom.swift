internal import Inference

extension ModelFitness {
    /// The verdict on one model: what it takes where, against what there is.
    struct Room {
        private(set) var fit = Fit.unknown
        private(set) var reason = ""
        /// By device; empty when not known.
        private(set) var required: [MemoryDevice: Int64] = [:]

        /// Of what models may take, so much is to be left for the verdict "well".
        private static let spareShare = 0.1

        init(_ subject: Subject, _ devices: [DeviceMemory]) {
            let problem = subject.plan.flatMap { $0.isFeasible ? nil : $0.reason } ?? ""
            switch subject.place {
            case .elsewhere:
                self.reason = "it runs on another machine, whose memory cannot be seen from here"
            case .thisMachine(let program):
                self.judgeGuest(subject, program, devices)
            case .ours:
                if let plan = subject.plan, !plan.estimate.devices.isEmpty {
                    self.judge(Load(plan), plan.devices.isEmpty ? devices : plan.devices)
                    if !problem.isEmpty, self.fit < .not {
                        self.fit = .barely
                        self.reason += "; as things are it cannot be loaded: \(problem)"
                    }
                } else if subject.sizeBytes > 0 {
                    self.judge(Load(devices: [.cpu: Self.guess(subject.sizeBytes)]), devices)
                    self.reason += " (guessed from the size of its file)"
                    if !problem.isEmpty { self.reason += "; as things are it cannot be loaded: \(problem)" }
                } else {
                    self.reason = problem.isEmpty ? "its size is not known" : problem
                }
            }
        }

        /// What loading a model takes and needs.
        private struct Load {
            var devices: [MemoryDevice: Int64]
            var isLoaded = false
            /// Who would be unloaded for it.
            var victims: [String] = []
            /// Who stands in the way, each with the reason.
            var blockers: [String] = []

            init(devices: [MemoryDevice: Int64]) {
                self.devices = devices
            }

            init(_ plan: LoadPlan) {
                self.devices = plan.estimate.devices
                self.isLoaded = plan.isLoaded
                self.victims = plan.evictions.map { "\($0.key.model)" }
                self.blockers = plan.blockers
            }

            /// "local/a would be unloaded for it".
            var remark: String {
                if !self.victims.isEmpty { return "\(self.victims.joined(separator: ", ")) would be unloaded for it" }
                let who = self.blockers.isEmpty ? "" : " (\(self.blockers.joined(separator: "; ")))"
                return "others must be unloaded first\(who)"
            }
        }

        /// Weights, and what contexts and computing usually take beside them.
        private static func guess(_ sizeBytes: Int64) -> Int64 {
            let (sum, overflow) = sizeBytes.addingReportingOverflow(sizeBytes / 8 + (64 << 20))
            return overflow ? .max : sum
        }

        // MARK: - Our own engines

        private mutating func judge(_ load: Load, _ devices: [DeviceMemory]) {
            self.required = load.devices.filter { $0.value > 0 }
            guard !devices.isEmpty else {
                self.reason = "what memory there is cannot be read"
                return
            }
            var worst: (fit: Fit, reason: String)?
            for (device, bytes) in self.required.sorted(by: { $0.key < $1.key }) {
                let verdict = Self.judge(bytes, devices.first { $0.device == device }, device, load)
                if worst.map({ $0.fit < verdict.fit }) ?? true { worst = verdict }
            }
            if let worst { (self.fit, self.reason) = worst }
        }

        private static func judge(
            _ bytes: Int64,
            _ memory: DeviceMemory?,
            _ device: MemoryDevice,
            _ load: Load
        ) -> (fit: Fit, reason: String) {
            let place = Self.name(device)
            guard let memory else {
                return (.not, "it needs \(Self.figure(bytes)) of \(place), which is not there")
            }
            let ours = max(0, memory.actualBytes) + max(0, memory.predictedBytes) + max(0, memory.releasingBytes)
            if load.isLoaded {
                return (.well, "it is loaded; \(Self.figure(bytes)) of \(place) were predicted for it")
            }
            let needs = "it takes \(Self.figure(bytes)) of \(place)"
            guard bytes <= memory.quotaBytes else {
                return (.not, "\(needs), and models may take \(Self.figure(memory.quotaBytes)) there")
            }
            // What all models together could have, were it only for them: other programs take the rest.
            let reachable = min(memory.quotaBytes, memory.freeBytes + ours)
            guard bytes <= reachable else {
                return (.not, "\(needs), and other programs leave \(Self.figure(max(0, reachable)))")
            }
            let free = max(0, min(memory.quotaBytes - ours, memory.freeBytes))
            guard bytes <= free else {
                return (.barely, "\(needs), of which \(Self.figure(free)) are free: \(load.remark)")
            }
            guard load.victims.isEmpty else { return (.barely, "\(needs): \(load.remark)") }
            let isWell = Double(free - bytes) >= Double(memory.quotaBytes) * Self.spareShare
            let rest = "of the \(Self.figure(memory.quotaBytes)) that models may take"
            return (
                isWell ? .well : .barely,
                "\(needs); \(isWell ? "" : "only ")\(Self.figure(free)) \(rest) are free"
            )
        }

        /// `1.5 GiB`, rounded: what is needed shall read the same here and in the column beside.
        private static func figure(_ bytes: Int64) -> String {
            let unit: Int64 = bytes < 1 << 20 ? 1 << 10 : bytes < 1 << 30 ? 1 << 20 : 1 << 30
            return describe(bytes: bytes < 1024 || bytes > .max - unit ? bytes : bytes + unit / 20)
        }

        private static func name(_ device: MemoryDevice) -> String {
            device == .cpu ? "main memory" : "the memory of \(device)"
        }

        // MARK: - Another program's models

        /// Ollama and its like put a model onto a GPU that has room for all of it, else into main memory, and make room
        /// for it by themselves.
        private mutating func judgeGuest(_ subject: Subject, _ program: String, _ devices: [DeviceMemory]) {
            let listed = subject.plan?.estimate.weightBytes ?? 0
            let size = listed > 0 ? listed : subject.sizeBytes
            guard size > 0 else {
                self.reason = subject.plan.map(\.reason).flatMap { $0.isEmpty ? nil : $0 } ?? "its size is not known"
                return
            }
            let bytes = Self.guess(size)
            let memory =
                devices.filter { $0.device != .cpu && $0.freeBytes >= bytes }.max { $0.freeBytes < $1.freeBytes }
                ?? devices.first { $0.device == .cpu }
            guard let memory else {
                self.reason = "it takes about \(Self.figure(bytes)), and what memory there is cannot be read"
                return
            }
            self.required = [memory.device: bytes]
            let needs = "it takes about \(Self.figure(bytes)) of \(Self.name(memory.device))"
            if subject.plan?.isLoaded == true {
                (self.fit, self.reason) = (.well, "\(program) has it loaded; \(needs)")
            } else if bytes > memory.totalBytes {
                (self.fit, self.reason) = (.not, "\(needs), and there are \(Self.figure(memory.totalBytes))")
            } else if bytes > memory.freeBytes {
                (self.fit, self.reason) = (.barely, "\(needs), of which \(Self.figure(memory.freeBytes)) are free")
            } else {
                let isWell = Double(memory.freeBytes - bytes) >= Double(memory.totalBytes) * Self.spareShare
                let free = "\(Self.figure(memory.freeBytes)) of \(Self.figure(memory.totalBytes)) are free"
                (self.fit, self.reason) = (isWell ? .well : .barely, "\(needs); \(isWell ? "" : "only ")\(free)")
            }
        }
    }
}
