import GRDB

/// Why the store cannot be opened, read or written, in words that say what to do.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    package var code: Code
    /// The database file.
    package var path: String
    /// One sentence.
    package var message: String

    package enum Code: Sendable, Hashable {
        /// The file is damaged or is no database.
        case corrupt
        /// A database of some other program.
        case foreign
        /// The file or its directory must not be written.
        case readOnly
        /// The file cannot be made or opened.
        case cannotOpen
        case diskFull
        /// A later version of Roundhouse has changed the tables.
        case newerSchema
        /// Another Roundhouse process uses the file.
        case locked
        /// Somebody held the database for longer than the busy timeout.
        case busy
        /// Anything else that SQLite reports.
        case failed
    }

    package init(_ code: Code, path: String, _ message: String) {
        self.code = code
        self.path = path
        self.message = message
    }

    /// The path and the sentence.
    package var description: String { "\(self.path): \(self.message)" }
}

extension StoreError {
    /// Reads SQLite's result code. SQL and arguments are left out: arguments hold what clients sent.
    init(_ error: any Error, path: String) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.failed, path: path, "the database failed: \(error)")
            return
        }
        let said = error.message ?? "no message"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .corrupt,
                path: path,
                "the database is damaged or is no database (\(said)); move it away to start with an empty one, or "
                    + "rescue what is left with `sqlite3 \(path) .recover`"
            )
        case .SQLITE_READONLY, .SQLITE_PERM:
            self.init(.readOnly, path: path, "the database cannot be written (\(said)); \(Self.permissions)")
        case .SQLITE_CANTOPEN:
            self.init(.cannotOpen, path: path, "the database cannot be opened (\(said)); \(Self.permissions)")
        case .SQLITE_FULL:
            self.init(.diskFull, path: path, "the disk is full (\(said)); free some space")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.busy, path: path, "another program holds the database (\(said)); end it")
        case .SQLITE_IOERR:
            self.init(.failed, path: path, "the disk failed (\(said), code \(error.extendedResultCode.rawValue))")
        default:
            self.init(.failed, path: path, "the database failed (\(said), code \(error.extendedResultCode.rawValue))")
        }
    }

    static let permissions = "give this user write permission on the file and its directory, or set storage.path"
}
