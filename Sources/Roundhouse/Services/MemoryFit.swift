internal import ModelLifecycle

/// Whether models fit into the memory that they may take, by the size of their files. Pure.
///
/// The same judgement as `GetHardware`'s for a model that nobody has looked into; `PlanLoad` reads the file and tells more.
struct MemoryFit: Sendable {
    let devices: [DeviceMemory]

    /// - Parameter bytes: of its file; 0 when that is not known.
    /// - Returns: false when it surely does not fit. What is not known speaks for it.
    func allows(_ bytes: Int64, at place: ModelFitness.Subject.Place) -> Bool {
        let subject = ModelFitness.Subject(plan: nil, sizeBytes: bytes, isText: false, place: place)
        return ModelFitness(of: subject, devices: self.devices, bandwidths: [:]).fit != .not
    }
}
