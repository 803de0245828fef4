/// Which connections are open to one origin, which of them can carry a request, and who waits for one. Pure: it decides,
/// its owner opens, closes and sends.
///
/// A connection carries one request (HTTP/1.1) or many (HTTP/2); which, is known when it is open. Requests are limited by
/// their own number, whatever carries them.
struct ConnectionPool<Connection: AnyObject & Sendable, Waiter: Sendable>: Sendable {
    struct Limits: Sendable {
        /// Connections open or opening at once.
        var connections: Int
        /// Requests on connections at once.
        var requests: Int
        /// Requests that wait for a connection.
        var waiters: Int
    }

    /// What to do with a request.
    enum Lease {
        case use(Connection)
        /// It waits, and a connection is to be opened.
        case open
        /// It waits for one of the connections that are busy or opening.
        case wait
        /// Too many wait already.
        case full
        /// The pool was closed.
        case closed
    }

    /// What its owner is to do.
    struct Work {
        /// Who is to use which connection now, in this order.
        var begin: [(connection: Connection, waiter: Waiter)] = []
        /// How many connections to open.
        var opens = 0
    }

    /// How many requests one connection carries.
    private enum Sharing {
        /// One connection is opened to learn it.
        case unknown
        case exclusive
        case shared
    }

    /// A connection that carries many requests.
    private struct Shared {
        let connection: Connection
        var room: Int
        /// The peer has not yet said how many it takes.
        var isRoomFinal = false
        var used = 0
        /// It takes no more requests.
        var isRetired = false

        var hasRoom: Bool { !self.isRetired && self.used < self.room }
    }

    private let limits: Limits
    private let isSame: @Sendable (Waiter, Waiter) -> Bool
    private var sharing: Sharing
    /// The last one used is taken first, so that those over the need grow old and go.
    private var idle: [Connection] = []
    /// Idle ones that were taken out to be closed, and are not closed yet.
    private var leaving: [Connection] = []
    /// The first with room is taken first, for the same reason. There are few.
    private var shared: [Shared] = []
    /// Open, idle ones included.
    private var open = 0
    private var opening = 0
    private var requests = 0
    private var waiters: [Waiter] = []
    private(set) var isClosed = false

    /// - Parameter mayShare: whether a connection may turn out to carry many requests.
    init(limits: Limits, mayShare: Bool = false, isSame: @escaping @Sendable (Waiter, Waiter) -> Bool) {
        self.limits = Limits(
            connections: max(limits.connections, 1), requests: max(limits.requests, 1),
            waiters: max(limits.waiters, 0))
        self.sharing = mayShare ? .unknown : .exclusive
        self.isSame = isSame
    }

    var idleCount: Int { self.idle.count + self.shared.count { $0.used == 0 && !$0.isRetired } }
    var openCount: Int { self.open }
    var openingCount: Int { self.opening }
    var requestCount: Int { self.requests }
    var waiterCount: Int { self.waiters.count }
    func waiterCount(where isWanted: (Waiter) -> Bool) -> Int { self.waiters.count(where: isWanted) }

    // MARK: - Requests

    mutating func lease(_ waiter: Waiter) -> Lease {
        guard !self.isClosed else { return .closed }
        if let connection = self.takeFree() { return .use(connection) }
        // A waiter that has a place on its way does not count: it is not in need of room.
        guard self.waiters.count - self.expectedPlaces < self.limits.waiters else { return .full }
        self.waiters.append(waiter)
        guard self.mayOpen else { return .wait }
        self.opening += 1
        return .open
    }

    /// A request on `connection` is over, and the connection can carry another.
    mutating func released(_ connection: Connection) -> Work {
        self.requests -= 1
        if let place = self.sharedPlace(connection) {
            self.shared[place].used -= 1
        } else {
            self.idle.append(connection)
        }
        return self.work()
    }

    /// A waiter has left.
    ///
    /// - Returns: whether it was still waiting.
    mutating func withdraw(_ waiter: Waiter) -> Bool {
        guard let place = self.waiters.firstIndex(where: { self.isSame($0, waiter) }) else { return false }
        self.waiters.remove(at: place)
        return true
    }

    // MARK: - Connections

    /// A connection is open that carries one request at a time.
    mutating func opened(_ connection: Connection) -> Work {
        self.opening -= 1
        self.open += 1
        self.sharing = .exclusive
        self.idle.append(connection)
        return self.work()
    }

    /// A connection is open that carries many requests, one until ``resized(_:room:)`` tells how many.
    mutating func openedShared(_ connection: Connection) -> Work {
        self.opening -= 1
        self.open += 1
        self.sharing = .shared
        self.shared.append(Shared(connection: connection, room: 1))
        return self.work()
    }

    /// The peer said how many requests a shared connection takes at once; below those on it when it said so late.
    mutating func resized(_ connection: Connection, room: Int) -> Work {
        guard let place = self.sharedPlace(connection) else { return Work() }
        self.shared[place].room = room
        self.shared[place].isRoomFinal = true
        return self.work()
    }

    /// A shared connection takes no more requests; those on it go on.
    mutating func retired(_ connection: Connection) -> Work {
        guard let place = self.sharedPlace(connection) else { return Work() }
        self.shared[place].isRetired = true
        return self.work()
    }

    /// A connection could not be opened.
    ///
    /// - Returns: who is to hear of it.
    mutating func openFailed() -> (waiters: [Waiter], work: Work) {
        self.opening -= 1
        var failed: [Waiter] = []
        if self.sharing != .exclusive, self.open == 0 {
            // All of them waited for this one.
            swap(&failed, &self.waiters)
        } else if !self.waiters.isEmpty {
            failed = [self.waiters.removeFirst()]
        }
        return (failed, self.work())
    }

    /// A connection is gone, and with it the requests that were on it.
    mutating func closed(_ connection: Connection) -> Work {
        self.open -= 1
        if let place = self.sharedPlace(connection) {
            self.requests -= self.shared[place].used
            self.shared.remove(at: place)
        } else if let place = self.idle.firstIndex(where: { $0 === connection }) {
            self.idle.remove(at: place)
        } else if let place = self.leaving.firstIndex(where: { $0 === connection }) {
            self.leaving.remove(at: place)
        } else {
            self.requests -= 1
        }
        return self.work()
    }

    /// Takes the idle connections out; they stay open until ``closed(_:)``.
    mutating func removeIdle() -> [Connection] {
        var taken: [Connection] = []
        swap(&taken, &self.idle)
        self.leaving += taken
        for place in self.shared.indices where self.shared[place].used == 0 && !self.shared[place].isRetired {
            self.shared[place].isRetired = true
            taken.append(self.shared[place].connection)
        }
        return taken
    }

    /// Lets nobody in from now on.
    mutating func close() -> (idle: [Connection], waiters: [Waiter]) {
        self.isClosed = true
        var left: [Waiter] = []
        swap(&left, &self.waiters)
        return (self.removeIdle(), left)
    }

    // MARK: - Decisions

    /// Serves those who wait, the longest wait first.
    private mutating func work() -> Work {
        var work = Work()
        while !self.waiters.isEmpty, let connection = self.takeFree() {
            work.begin.append((connection, self.waiters.removeFirst()))
        }
        while self.mayOpen {
            self.opening += 1
            work.opens += 1
        }
        return work
    }

    private mutating func takeFree() -> Connection? {
        guard self.requests < self.limits.requests else { return nil }
        if let connection = self.idle.popLast() {
            self.requests += 1
            return connection
        }
        guard let place = self.shared.firstIndex(where: \.hasRoom) else { return nil }
        self.shared[place].used += 1
        self.requests += 1
        return self.shared[place].connection
    }

    /// Whether somebody waits whom another connection would help.
    private var mayOpen: Bool {
        guard !self.waiters.isEmpty else { return false }
        // Those that take no more requests are on their way out.
        let usable = self.open - self.shared.count(where: \.isRetired)
        guard self.opening < self.waiters.count, usable + self.opening < self.limits.connections,
            self.requests + self.opening < self.limits.requests
        else { return false }
        switch self.sharing {
        case .exclusive: return true
        // One may be enough for all: another is opened when it has turned out not to be.
        case .unknown, .shared:
            return self.opening == 0 && self.shared.allSatisfy { $0.isRetired || ($0.isRoomFinal && !$0.hasRoom) }
        }
    }

    /// Places for requests that connections on their way may bring.
    private var expectedPlaces: Int {
        let free = max(self.limits.requests - self.requests, 0)
        switch self.sharing {
        case .exclusive: return self.opening
        case .unknown: return self.opening > 0 ? min(free, self.limits.connections) : 0
        case .shared:
            let isExpected = self.opening > 0 || self.shared.contains { !$0.isRetired && !$0.isRoomFinal }
            return isExpected ? free : 0
        }
    }

    private func sharedPlace(_ connection: Connection) -> Int? {
        self.shared.firstIndex { $0.connection === connection }
    }
}
