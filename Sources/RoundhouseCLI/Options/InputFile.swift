internal import FoundationEssentials
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Files that go into requests.
enum InputFile {
    /// The whole of a regular file, so that a device or a pipe without an end is not read for ever.
    ///
    /// - Parameters:
    ///   - option: that named it, for the error.
    ///   - limit: in bytes.
    /// - Throws: ``CommandFailure/usage(_:)`` when it cannot be read or is longer.
    static func contents(of path: String, for option: String, limit: Int) throws(CommandFailure) -> [UInt8] {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: Self.resolved(path)),
            attributes[.type] as? FileAttributeType == .typeRegular,
            let contents = FileManager.default.contents(atPath: path)
        else { throw .usage("\(option): the file '\(path)' is not there or cannot be read") }
        guard contents.count <= limit else {
            throw .usage("\(option): the file '\(path)' holds more than \(Figures.bytes(Int64(limit)))")
        }
        return Array(contents)
    }

    /// Without symbolic links, whose own attributes say nothing of the file.
    private static func resolved(_ path: String) -> String {
        URL(filePath: path).resolvingSymlinksInPath().path
    }
}

/// `--image`.
enum PictureArgument {
    /// What the server takes at most, in bytes.
    private static let limit = 20 << 20

    /// - Parameter argument: an address with http or https, else a file.
    /// - Throws: ``CommandFailure/usage(_:)`` for a file that cannot be read, or is no picture that the API knows.
    static func part(_ argument: String) throws(CommandFailure) -> Roundhouse_V1_Part {
        var image = Roundhouse_V1_Image()
        if argument.hasPrefix("https://") || argument.hasPrefix("http://") {
            image.url = argument
        } else {
            let bytes = try InputFile.contents(of: argument, for: "--image", limit: Self.limit)
            guard let mediaType = Self.mediaType(of: bytes) else {
                throw .usage("--image: the file '\(argument)' is no PNG, JPEG, GIF or WebP picture")
            }
            image.data = Data(bytes)
            image.mediaType = mediaType
        }
        return .with { $0.image = image }
    }

    /// By its first bytes, since a file's name may say anything.
    static func mediaType(of bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if bytes.starts(with: Array("GIF87a".utf8)) || bytes.starts(with: Array("GIF89a".utf8)) { return "image/gif" }
        if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            return "image/webp"
        }
        return nil
    }
}
