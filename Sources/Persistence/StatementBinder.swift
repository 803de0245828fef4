import GRDB
import GRDBSQLite

/// Binds a statement's values by their order, each as what it is.
///
/// GRDB's `StatementArguments` box every value, copy them twice and check them against the statement's names: for a request's
/// record that is twice the work of the insertion itself, and a record is written for every request.
@safe
struct StatementBinder: ~Copyable {
    private let statement: Statement
    private var index: Int32 = 0
    private var code = SQLITE_OK

    init(_ statement: Statement) {
        self.statement = statement
        // Forgets what was bound before, and has GRDB know that nothing is left for it to bind.
        statement.setUncheckedArguments(StatementArguments())
    }

    mutating func bind(_ number: Int64?) {
        self.index += 1
        guard let number else { return }
        unsafe self.note(sqlite3_bind_int64(self.statement.sqliteStatement, self.index, number))
    }

    mutating func bind(_ number: Int?) {
        self.bind(number.map { Int64($0) })
    }

    mutating func bind(_ truth: Bool?) {
        self.bind(truth.map { $0 ? 1 : 0 as Int64 })
    }

    mutating func bind(_ text: String?) {
        self.index += 1
        guard var text else { return }
        let (statement, index) = unsafe (self.statement.sqliteStatement, self.index)
        let code = text.withUTF8 { bytes in
            // SQLite makes its own copy: `SQLITE_TRANSIENT`, a macro that Swift does not see.
            unsafe sqlite3_bind_text64(
                statement, index, UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
                UInt64(bytes.count), unsafeBitCast(-1, to: sqlite3_destructor_type.self), UInt8(SQLITE_UTF8))
        }
        // An empty text has no address, and SQLite takes that for NULL.
        if text.isEmpty {
            unsafe self.note(
                sqlite3_bind_text(
                    statement, index, "", 0, unsafeBitCast(-1, to: sqlite3_destructor_type.self)))
        } else {
            self.note(code)
        }
    }

    private mutating func note(_ code: Int32) {
        if self.code == SQLITE_OK { self.code = code }
    }

    /// Executes the statement with what was bound.
    ///
    /// - Throws: `DatabaseError`, also for a text that is too long for SQLite.
    consuming func execute() throws {
        guard self.code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: self.code)) }
        try self.statement.execute()
    }
}
