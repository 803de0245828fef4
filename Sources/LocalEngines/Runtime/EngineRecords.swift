import FoundationEssentials
import Glibc
package import Logging

/// Notes about the engines that run, one file for each, so that those which outlive a killed server can be found.
///
/// Engines end with their server by two means of their own (see ``EngineProcess``); this is for those that neither
/// reached. A note names its process by number, start time and the machine's start, since numbers are used again.
package struct EngineRecords: Sendable {
    /// What is known of a running engine.
    struct Record: Codable, Sendable, Hashable {
        /// Of the engine, and of the group that it leads.
        var processID: Int32
        var startTime: UInt64
        var bootID: String
        /// Given to the engine as ``EngineRecords/variable``, and by it to its children.
        var mark: String
        /// For people.
        var model: String
        var command: [String]
        /// The server.
        var ownerID: Int32
        var ownerStartTime: UInt64

        enum CodingKeys: String, CodingKey {
            case mark, model, command
            case processID = "process_id"
            case startTime = "start_time"
            case bootID = "boot_id"
            case ownerID = "owner_id"
            case ownerStartTime = "owner_start_time"
        }
    }

    /// The environment variable that engines carry their mark in.
    static let variable = "ROUNDHOUSE_ENGINE_MARK"

    private let directory: String
    private let logger: Logger
    private let clock: EngineClock

    /// - Parameter directory: `<data directory>/engines`; made when it is needed.
    package init(directory: String, clock: EngineClock = .system, logger: Logger) {
        self.directory = directory
        self.clock = clock
        self.logger = logger
    }

    // MARK: - Writing

    /// Notes a process that was just started. A note that cannot be written costs no model its start: it is logged.
    func add(_ processID: Int32, mark: String, model: String, command: [String]) async {
        await BlockingWork.shared.run {
            guard let stat = ProcessMemory.stat(processID), let own = ProcessMemory.stat(getpid()) else { return }
            let record = Record(
                processID: processID, startTime: stat.startTime, bootID: ProcessMemory.bootID(), mark: mark,
                model: model, command: command, ownerID: getpid(), ownerStartTime: own.startTime)
            do {
                try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
                try JSONEncoder().encode(record).write(to: URL(filePath: self.path(mark)), options: .atomic)
            } catch {
                self.logger.warning(
                    "The note about an engine cannot be written; if this server is killed, the engine may stay",
                    metadata: ["path": "\(self.path(mark))", "error": "\(error)"])
            }
        }
    }

    func remove(mark: String) async {
        await BlockingWork.shared.run {
            _ = unsafe unlink(self.path(mark))
        }
    }

    private func path(_ mark: String) -> String { "\(self.directory)/\(mark).json" }

    // MARK: - Orphans

    /// Ends the engines of servers that are gone, with their whole groups, and forgets them. Call it before anything is
    /// loaded.
    ///
    /// Engines of servers that run are left alone, and so is every process that a note does not name beyond doubt.
    ///
    /// - Parameter grace: How long an engine may take to end by itself.
    /// - Returns: How many engines were ended.
    package func endOrphans(grace: Duration = .seconds(5)) async -> Int {
        let records = await BlockingWork.shared.run { self.readAll() }
        return await withTaskGroup(of: Bool.self) { group in
            for (path, record) in records {
                group.addTask { await self.end(record, at: path, grace: grace) }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    private func readAll() -> [(path: String, record: Record)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.directory)) ?? []
        return names.sorted().compactMap { name in
            let path = "\(self.directory)/\(name)"
            guard name.hasSuffix(".json") else { return nil }
            guard let data = try? Data(contentsOf: URL(filePath: path)),
                let record = try? JSONDecoder().decode(Record.self, from: data)
            else {
                self.logger.warning(
                    "A note about an engine cannot be read; it is removed", metadata: ["path": "\(path)"])
                _ = unsafe unlink(path)
                return nil
            }
            return (path, record)
        }
    }

    /// - Returns: Whether there was something to end.
    private func end(_ record: Record, at path: String, grace: Duration) async -> Bool {
        let members = await BlockingWork.shared.run { () -> [Int32]? in
            Self.ownerRuns(record) ? nil : Self.members(of: record)
        }
        guard let members else { return false }
        defer { _ = unsafe unlink(path) }
        guard !members.isEmpty else { return false }
        self.logger.warning(
            "An engine outlived the server that started it; it is ended",
            metadata: [
                "model": "\(record.model)", "process_id": "\(record.processID)", "count": "\(members.count)",
            ])
        kill(-record.processID, SIGTERM)
        let start = self.clock.now()
        while self.clock.now() - start < grace {
            // A cancelled start still ends what it found, at once.
            do { try await self.clock.sleep(.milliseconds(50)) } catch { break }
            if await BlockingWork.shared.run({ Self.members(of: record).isEmpty }) { return true }
        }
        if await !BlockingWork.shared.run({ Self.members(of: record).isEmpty }) { kill(-record.processID, SIGKILL) }
        return true
    }

    private static func ownerRuns(_ record: Record) -> Bool {
        guard record.bootID == ProcessMemory.bootID(), let owner = ProcessMemory.stat(record.ownerID) else {
            return false
        }
        return owner.startTime == record.ownerStartTime && owner.state != "Z"
    }

    /// The processes of the record's group that run, if the group is still the engine's: led by the very process of the
    /// record, or, where that has ended, made of processes that carry its mark.
    private static func members(of record: Record) -> [Int32] {
        guard record.processID > 1, record.bootID == ProcessMemory.bootID() else { return [] }
        let leader = ProcessMemory.stat(record.processID)
        if let leader, leader.startTime != record.startTime { return [] }
        let running = ProcessMemory.all().filter { process in
            guard let stat = ProcessMemory.stat(process) else { return false }
            return stat.group == record.processID && stat.state != "Z"
        }
        if leader != nil { return leader?.group == record.processID ? running : [] }
        let entry = "\(Self.variable)=\(record.mark)"
        return running.contains { ProcessMemory.environment($0, holds: entry) } ? running : []
    }
}
