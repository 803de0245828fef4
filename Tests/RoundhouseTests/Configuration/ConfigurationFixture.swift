import FoundationEssentials
import Testing

@testable import Roundhouse

/// A home directory of its own, and ways to load from it.
struct ConfigurationFixture: ~Copyable {
    let directory: String
    var environment: [String: String]

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.directory = url.path
        self.environment = ["HOME": url.path]
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let path = "\(self.directory)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    func loader(overrides: [ConfigurationLoader.Override] = []) -> ConfigurationLoader {
        ConfigurationLoader(
            dataDirectory: self.directory,
            environment: self.environment,
            overrides: overrides,
            workingDirectory: self.directory
        )
    }

    func load(_ yaml: String, overrides: [ConfigurationLoader.Override] = []) throws -> LoadedConfiguration {
        try self.loader(overrides: overrides).load(yaml: yaml, named: "roundhouse.yaml")
    }

    /// What is wrong with `yaml`, a line for each problem; empty when nothing is.
    func problems(_ yaml: String, overrides: [ConfigurationLoader.Override] = []) -> [String] {
        do {
            _ = try self.load(yaml, overrides: overrides)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }
}
