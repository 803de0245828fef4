import FoundationEssentials
import Glibc
package import Inference

/// Lists the GGUF models in folders, three levels deep.
///
/// Links to files are listed, links to folders are not followed: they may lead anywhere and round in circles.
package struct GGUFFolderLister: ModelLister {
    /// Levels below a given folder, itself counted.
    private static let depth = 3
    /// A folder with more files than this is no folder of models.
    private static let mostFiles = 10_000

    private let folders: [String]

    /// - Parameter folders: Absolute. Those that do not exist are empty.
    package init(folders: [String]) {
        self.folders = folders
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        let folders = self.folders
        return try await BlockingWork.shared.run { () throws(UpstreamFault) in try Self.list(folders) }
    }

    /// Reads everything. Blocks.
    private static func list(_ folders: [String]) throws(UpstreamFault) -> ModelListing {
        var listing = ModelListing(models: [])
        var seen: Set<String> = []
        for folder in folders {
            var paths: [String] = []
            try Self.collect(folder, level: 1, into: &paths, &listing.skipped)
            for path in paths.sorted() where seen.insert(path).inserted {
                Self.take(path, shown: String(path.dropFirst(folder.count + 1)), into: &listing)
            }
        }
        listing.models.sort { $0.name < $1.name }
        return listing
    }

    private static func collect(
        _ folder: String,
        level: Int,
        into paths: inout [String],
        _ skipped: inout [String]
    ) throws(UpstreamFault) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            guard FileManager.default.fileExists(atPath: folder) else { return }
            // One that cannot be read must not look as if its models were gone.
            guard level > 1 else { throw UpstreamFault(.serverError, "\(folder) cannot be read: \(error)") }
            skipped.append("\(folder): it cannot be read: \(error)")
            return
        }
        for name in names.sorted() where !name.hasPrefix(".") {
            guard paths.count < Self.mostFiles else {
                throw UpstreamFault(.serverError, "\(folder) holds more than \(Self.mostFiles) models")
            }
            let path = "\(folder)/\(name)"
            switch Self.kind(path) {
            case .file where name.lowercased().hasSuffix(".gguf"): paths.append(path)
            case .folder where level < Self.depth:
                try Self.collect(path, level: level + 1, into: &paths, &skipped)
            case .file, .folder, .other: break
            }
        }
    }

    private enum Kind { case file, folder, other }

    private static func kind(_ path: String) -> Kind {
        var information = stat()
        guard unsafe lstat(path, &information) == 0 else { return .other }
        switch information.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        case S_IFLNK:
            guard unsafe stat(path, &information) == 0 else { return .other }
            return information.st_mode & S_IFMT == S_IFREG ? .file : .other
        default: return .other
        }
    }

    private static func take(_ path: String, shown: String, into listing: inout ModelListing) {
        let fileName = GGUFParts.fileName(path)
        let part = GGUFParts.parse(fileName)
        // The first part stands for all of them, and tells when one is missing.
        if let part, part.index > 1, FileManager.default.fileExists(atPath: Self.firstPart(of: path, part.count)) {
            return
        }
        let header: GGUFHeader
        do {
            header = try GGUFHeader.read(path: path)
        } catch {
            listing.skipped.append("\(shown): \(error)")
            return
        }
        if let unfitness = header.unfitness {
            listing.skipped.append("\(shown): \(unfitness)")
            return
        }
        let name = Self.modelName(part?.stem ?? String(fileName.dropLast(5)))
        if let other = listing.models.first(where: { $0.name == name }) {
            listing.skipped.append("\(shown): the name '\(name)' is that of \(other.path ?? "another file") already")
            return
        }
        listing.models.append(Self.model(name, path, header))
    }

    private static func firstPart(of path: String, _ count: Int) -> String {
        GGUFParts.all(of: path, count: count).first ?? path
    }

    private static func model(_ name: String, _ path: String, _ header: GGUFHeader) -> ListedModel {
        var model = ListedModel(name: name)
        model.displayName = header.name
        model.category = header.category
        model.capabilities = header.capabilities
        model.contextLength = header.contextLength
        model.sizeBytes = header.sizeBytes
        model.path = path
        if header.category == .text { model.prices = .free }
        return model
    }

    /// A file name as a model's: letters, digits, `-`, `_` and `.` stay, everything else becomes one `-`.
    static func modelName(_ fileName: String) -> String {
        var name = ""
        for character in fileName.unicodeScalars {
            if character.isASCII, ModelInstallRequest.isNameByte(UInt8(truncatingIfNeeded: character.value)) {
                name.unicodeScalars.append(character)
            } else if !name.hasSuffix("-") {
                name += "-"
            }
        }
        let bare = name.drop { $0 == "." || $0 == "-" }.prefix(128)
        return bare.isEmpty ? "model" : String(bare)
    }
}
