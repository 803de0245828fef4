/// Which connections are open to one origin, which of them are free, and who waits for one. Pure: it decides, its owner
/// opens, closes and sends.
struct ConnectionPool<Connection: AnyObject & Sendable, Waiter: Sendable>: Sendable {
    /// What to do with a request.
    enum Lease {
        case use(Connection)
        /// It waits, and a connection is to be opened.
        case open
        /// It waits for one of the connections that are busy.
        case wait
        /// Too many wait already.
        case full
        /// The pool was closed.
        case closed
    }

    let limit: Int
    let waiterLimit: Int
    private let isSame: @Sendable (Waiter, Waiter) -> Bool
    /// The last one used is taken first, so that those over the need grow old and go.
    private var idle: [Connection] = []
    /// Open, idle ones included.
    private var open = 0
    private var opening = 0
    private var waiters: [Waiter] = []
    private(set) var isClosed = false

    init(limit: Int, waiterLimit: Int, isSame: @escaping @Sendable (Waiter, Waiter) -> Bool) {
        self.limit = max(limit, 1)
        self.waiterLimit = waiterLimit
        self.isSame = isSame
    }

    var idleCount: Int { self.idle.count }
    var openCount: Int { self.open }
    var openingCount: Int { self.opening }
    var waiterCount: Int { self.waiters.count }

    mutating func lease(_ waiter: Waiter) -> Lease {
        guard !self.isClosed else { return .closed }
        if let connection = self.idle.popLast() { return .use(connection) }
        // A waiter that has a connection on its way does not count: it is not in need of room.
        guard self.waiters.count - self.opening < self.waiterLimit else { return .full }
        self.waiters.append(waiter)
        return self.openForWaiters() ? .open : .wait
    }

    /// A connection is ready for its first request.
    ///
    /// - Returns: who is to use it; when nobody, it is idle.
    mutating func opened(_ connection: Connection) -> Waiter? {
        self.opening -= 1
        self.open += 1
        return self.released(connection)
    }

    /// A connection could not be opened.
    ///
    /// - Returns: who is to hear of it, and whether to try again for another.
    mutating func openFailed() -> (waiter: Waiter?, opensAnother: Bool) {
        self.opening -= 1
        let waiter = self.waiters.isEmpty ? nil : self.waiters.removeFirst()
        return (waiter, self.openForWaiters())
    }

    /// A connection is free again.
    ///
    /// - Returns: who is to use it; when nobody, it is idle.
    mutating func released(_ connection: Connection) -> Waiter? {
        guard self.waiters.isEmpty else { return self.waiters.removeFirst() }
        self.idle.append(connection)
        return nil
    }

    /// A connection is gone.
    ///
    /// - Returns: whether to open another for somebody who waits.
    mutating func closed(_ connection: Connection) -> Bool {
        self.open -= 1
        if let place = self.idle.firstIndex(where: { $0 === connection }) { self.idle.remove(at: place) }
        return self.openForWaiters()
    }

    /// A waiter has left.
    ///
    /// - Returns: whether it was still waiting.
    mutating func withdraw(_ waiter: Waiter) -> Bool {
        guard let place = self.waiters.firstIndex(where: { self.isSame($0, waiter) }) else { return false }
        self.waiters.remove(at: place)
        return true
    }

    /// Takes the idle connections out; they stay open until ``closed(_:)``.
    mutating func removeIdle() -> [Connection] {
        var taken: [Connection] = []
        swap(&taken, &self.idle)
        return taken
    }

    /// Lets nobody in from now on.
    mutating func close() -> (idle: [Connection], waiters: [Waiter]) {
        self.isClosed = true
        var left: [Waiter] = []
        swap(&left, &self.waiters)
        return (self.removeIdle(), left)
    }

    private mutating func openForWaiters() -> Bool {
        guard self.opening < self.waiters.count, self.open + self.opening < self.limit else { return false }
        self.opening += 1
        return true
    }
}
