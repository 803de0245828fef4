/// Fetches files over HTTP, for installers. Implemented outside this room, which has no HTTP client of its own.
package protocol FileDownloader: Sendable {
    /// Begins to fetch the file at `url`.
    ///
    /// - Parameters:
    ///   - offset: In bytes, at least 0: how much of the file is there from an earlier attempt. The upstream may not be
    ///     able to go on from there; ``FileDownload/resumedFrom`` says what became of it.
    ///   - validator: ``FileDownload/validator`` of that attempt. Where the file is no longer the same, the download
    ///     begins anew (`If-Range` of RFC 9110), so that halves of two files are never joined.
    /// - Throws: When no connection or no answer with a file comes about, with a description for people. A connection
    ///   that breaks later ends ``FileDownload/chunks`` with an error.
    func open(_ url: String, from offset: Int64, validator: String?) async throws -> FileDownload
}

/// A file on its way. Cancelling the task that reads ``chunks`` ends the connection.
package struct FileDownload: Sendable {
    /// Size of the whole file, the part before ``resumedFrom`` included; `nil` when the upstream does not say.
    package var totalBytes: Int64?
    /// The offset of the first byte that ``chunks`` brings: the one asked for, or 0 when it begins anew.
    package var resumedFrom: Int64
    /// What tells this content from a later one under the same address: a strong ETag or a modification date. `nil`
    /// when the upstream gives none, so that the download cannot be resumed.
    package var validator: String?
    /// The bytes in order. Ends without an error only after the last byte of the file.
    package var chunks: AsyncThrowingStream<[UInt8], any Error>

    package init(
        totalBytes: Int64?,
        resumedFrom: Int64,
        validator: String?,
        chunks: AsyncThrowingStream<[UInt8], any Error>
    ) {
        self.totalBytes = totalBytes
        self.resumedFrom = resumedFrom
        self.validator = validator
        self.chunks = chunks
    }
}
