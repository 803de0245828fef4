package import Inference

/// Something that can serve models as a process of its own: llama.cpp, or a program of the user's.
package protocol LocalEngine: Sendable {
    /// What people call it: `llama.cpp`.
    var name: String { get }

    /// Looks whether `model` could be served now, and how. Reads files, and blocks.
    ///
    /// - Throws: ``RuntimeUnavailable`` when the engine or the file is missing or unfit.
    func prepare(_ model: RuntimeModel) throws(RuntimeUnavailable) -> EngineCommand
}
