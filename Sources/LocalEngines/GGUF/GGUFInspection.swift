extension GGUFHeader {
    /// Reads the head of a file and makes sure that its weights are all there, on a thread where blocking harms nobody.
    package static func inspect(path: String) async throws(GGUFError) -> GGUFHeader {
        try await BlockingWork.shared.run { () throws(GGUFError) in
            let header = try GGUFHeader.read(path: path)
            try header.checkComplete()
            return header
        }
    }
}
