/// Tells how much of a model's weights an engine has in memory while it loads them, by what the kernel says of it.
///
/// Weights that are mapped count as the pages of the mapping that are there, exactly. Those that are read into memory of
/// the engine's own count as what it has read since it opened the file, its other reading (little) included.
struct LoadMeter: Sendable {
    let processID: Int32
    let files: Set<String>
    let totalBytes: Int64
    private var readBefore: [Int32: Int64] = [:]
    /// Never goes back: pages may leave memory again, and a mapping ends where a GPU has taken over.
    private(set) var loadedBytes: Int64 = 0

    init(processID: Int32, files: [String], totalBytes: Int64) {
        self.processID = processID
        self.files = Set(files)
        self.totalBytes = totalBytes
    }

    /// Looks again. Blocks: the kernel walks the pages of the mapping, about 10 ms for each GiB.
    mutating func measure() {
        for process in ProcessMemory.family(self.processID) {
            guard let loaded = self.loaded(in: process) else { continue }
            self.loadedBytes = max(self.loadedBytes, min(self.totalBytes, loaded))
        }
    }

    private mutating func loaded(in process: Int32) -> Int64? {
        if let mapped = ProcessMemory.mappedBytes(process, self.files) { return mapped }
        guard let read = ProcessMemory.readBytes(process) else { return nil }
        guard let before = self.readBefore[process] else {
            if ProcessMemory.hasOpen(process, self.files) { self.readBefore[process] = read }
            return nil
        }
        return read - before
    }
}
