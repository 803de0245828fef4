/// Where a ready engine answers. Valid until its process ends.
package struct EngineEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// Always a loopback address.
    package var host: String
    package var port: Int
    /// Made anew for every start; requests carry it as a bearer token. Never logged.
    package var apiKey: String
    package var pid: Int32
    /// Tokens that one request may take, where the engine says so.
    package var contextLength: Int?
    /// ``RuntimeLaunch/number``: equal numbers mean the same process.
    package var launch: Int

    package var description: String { "\(self.host):\(self.port) (process \(self.pid))" }
}
