/// How many connections an engine is asked over.
///
/// llama.cpp's HTTP server has a thread for each connection, for as long as the connection is kept. With more connections
/// than threads it closes those that have no request at the moment, which meets the next request on its way.
package enum EngineConnections {
    /// What one adapter may open.
    package static let limit = 48
    /// What the engine is started with: some are left for probes, and for the adapter of a version that is replaced.
    static let threads = 64
}
