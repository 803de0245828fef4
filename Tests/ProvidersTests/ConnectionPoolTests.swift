import Testing

@testable import Providers

@Suite struct ConnectionPoolTests {
    final class Connection: Sendable {}
    typealias Pool = ConnectionPool<Connection, Int>

    static func pool(_ connections: Int = 2, requests: Int = 100, waiters: Int = 2, mayShare: Bool = false) -> Pool {
        Pool(
            limits: .init(connections: connections, requests: requests, waiters: waiters), mayShare: mayShare
        ) { $0 == $1 }
    }

    static func name(_ lease: Pool.Lease) -> String {
        switch lease {
        case .use: "use"
        case .open: "open"
        case .wait: "wait"
        case .full: "full"
        case .closed: "closed"
        }
    }

    /// Who begins, and how many connections are opened.
    static func words(_ work: Pool.Work) -> String {
        let begin = work.begin.map { "\($0.waiter)" }.joined(separator: ",")
        return work.opens == 0 ? begin : "\(begin)+\(work.opens)"
    }

    // What changes the pool cannot stand inside `#expect`.

    static func expect(_ work: Pool.Work, _ words: String, at location: SourceLocation = #_sourceLocation) {
        #expect(Self.words(work) == words, sourceLocation: location)
    }

    static func expect(_ lease: Pool.Lease, _ name: String, at location: SourceLocation = #_sourceLocation) {
        #expect(Self.name(lease) == name, sourceLocation: location)
    }

    static func expect(_ leases: [Pool.Lease], _ names: [String], at location: SourceLocation = #_sourceLocation) {
        #expect(leases.map(Self.name) == names, sourceLocation: location)
    }

    static func expect(_ value: Bool, _ expected: Bool, at location: SourceLocation = #_sourceLocation) {
        #expect(value == expected, sourceLocation: location)
    }

    // MARK: - One request for each connection

    @Test func `Connections open up to the limit, then requests wait, then they are refused`() {
        var pool = Self.pool(2, waiters: 2)
        Self.expect((1...6).map { pool.lease($0) }, ["open", "open", "wait", "wait", "full", "full"])
        Self.expect(pool.opened(Connection()), "1")
        Self.expect(pool.opened(Connection()), "2")
        #expect(pool.waiterCount == 2)
        Self.expect(pool.lease(7), "full")
    }

    @Test func `A free connection goes to whoever waits longest`() {
        var pool = Self.pool(1, waiters: 3)
        let connection = Connection()
        _ = pool.lease(1)
        Self.expect(pool.opened(connection), "1")
        _ = pool.lease(2)
        _ = pool.lease(3)
        Self.expect(pool.released(connection), "2")
        Self.expect(pool.released(connection), "3")
        Self.expect(pool.released(connection), "")
        #expect(pool.idleCount == 1)
    }

    @Test func `The connection used last is used next`() {
        var pool = Self.pool()
        let (first, second) = (Connection(), Connection())
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = pool.opened(first)
        _ = pool.opened(second)
        _ = pool.released(second)
        _ = pool.released(first)
        guard case .use(let connection) = pool.lease(3) else {
            Issue.record("expected an idle connection")
            return
        }
        #expect(connection === first)
    }

    @Test func `A failure to open is heard by one, and another is opened for who is left`() {
        var pool = Self.pool(1, waiters: 3)
        _ = pool.lease(1)
        _ = pool.lease(2)
        var (failed, work) = pool.openFailed()
        #expect(failed == [1])
        #expect(Self.words(work) == "+1")
        (failed, work) = pool.openFailed()
        #expect(failed == [2])
        #expect(Self.words(work) == "")
        #expect(pool.openingCount == 0)
    }

    @Test func `A connection that closes makes room for one that somebody waits for`() {
        var pool = Self.pool(1)
        let connection = Connection()
        _ = pool.lease(1)
        _ = pool.opened(connection)
        _ = pool.lease(2)
        Self.expect(pool.closed(connection), "+1")
        #expect(pool.openingCount == 1)
        #expect(pool.requestCount == 0)
    }

    @Test func `An idle connection that closes is not handed out`() {
        var pool = Self.pool()
        let connection = Connection()
        _ = pool.lease(1)
        _ = pool.opened(connection)
        _ = pool.released(connection)
        Self.expect(pool.closed(connection), "")
        Self.expect(pool.lease(2), "open")
    }

    @Test func `Who leaves the queue is not handed a connection`() {
        var pool = Self.pool()
        _ = pool.lease(1)
        Self.expect(pool.withdraw(1), true)
        Self.expect(pool.withdraw(1), false)
        Self.expect(pool.opened(Connection()), "")
        #expect(pool.idleCount == 1)
    }

    @Test func `A closed pool lets nobody in`() {
        var pool = Self.pool()
        _ = pool.lease(1)
        let (idle, waiters) = pool.close()
        #expect(idle.isEmpty)
        #expect(waiters == [1])
        Self.expect(pool.lease(2), "closed")
    }

    @Test func `Idle connections that were taken out count no requests when they close`() {
        var pool = Self.pool()
        let connection = Connection()
        _ = pool.lease(1)
        _ = pool.opened(connection)
        _ = pool.released(connection)
        let idle = pool.removeIdle()
        #expect(idle.map(ObjectIdentifier.init) == [ObjectIdentifier(connection)])
        Self.expect(pool.lease(2), "open")
        _ = pool.closed(connection)
        Self.expect(pool.opened(Connection()), "2")
        #expect(pool.requestCount == 1)
    }

    @Test func `Requests are limited by their number, with connections to spare`() {
        var pool = Self.pool(10, requests: 2, waiters: 10)
        Self.expect((1...4).map { pool.lease($0) }, ["open", "open", "wait", "wait"])
        let (first, second) = (Connection(), Connection())
        _ = pool.opened(first)
        _ = pool.opened(second)
        // A connection is gone, and its place may be taken.
        Self.expect(pool.closed(first), "+1")
        Self.expect(pool.released(second), "3")
        Self.expect(pool.opened(Connection()), "4")
        #expect(pool.requestCount == 2)
    }

    // MARK: - Many requests for each connection

    @Test func `One connection is opened to learn how many it carries`() {
        var pool = Self.pool(10, waiters: 20, mayShare: true)
        Self.expect((1...4).map { pool.lease($0) }, ["open", "wait", "wait", "wait"])
        let connection = Connection()
        // One until the peer has said how many.
        Self.expect(pool.openedShared(connection), "1")
        Self.expect(pool.resized(connection, room: 3), "2,3+1")
        Self.expect(pool.released(connection), "4")
        Self.expect(pool.openedShared(Connection()), "")
        #expect(pool.openCount == 2)
    }

    @Test func `Before that is known, those whom it may serve do not count as waiting`() {
        var pool = Self.pool(10, requests: 3, waiters: 2, mayShare: true)
        let names = (1...7).map { Self.name(pool.lease($0)) }
        #expect(names == ["open", "wait", "wait", "wait", "wait", "full", "full"])
        let connection = Connection()
        Self.expect(pool.openedShared(connection), "1")
        Self.expect(pool.lease(8), "full")
        Self.expect(pool.resized(connection, room: 100), "2,3")
        Self.expect(pool.lease(9), "full")
        #expect(pool.waiterCount == 2)
    }

    @Test func `When it carries one, more are opened for those who wait`() {
        var pool = Self.pool(10, waiters: 20, mayShare: true)
        for waiter in 1...4 { _ = pool.lease(waiter) }
        Self.expect(pool.opened(Connection()), "1+3")
    }

    @Test func `When it cannot be opened, all who waited for it hear of it`() {
        var pool = Self.pool(10, waiters: 20, mayShare: true)
        for waiter in 1...4 { _ = pool.lease(waiter) }
        let (failed, work) = pool.openFailed()
        #expect(failed == [1, 2, 3, 4])
        #expect(Self.words(work) == "")
        Self.expect(pool.lease(5), "open")
    }

    @Test func `Requests are limited by their number on one connection too, first come, first served`() {
        var pool = Self.pool(10, requests: 2, waiters: 2, mayShare: true)
        _ = pool.lease(1)
        let connection = Connection()
        _ = pool.openedShared(connection)
        _ = pool.resized(connection, room: 100)
        Self.expect((2...5).map { pool.lease($0) }, ["use", "wait", "wait", "full"])
        Self.expect(pool.withdraw(3), true)
        Self.expect(pool.lease(6), "wait")
        Self.expect(pool.released(connection), "4")
        Self.expect(pool.released(connection), "6")
        #expect(pool.openCount == 1)
    }

    @Test func `A retired connection gets no more requests, and does not count against the limit`() {
        var pool = Self.pool(1, mayShare: true)
        _ = pool.lease(1)
        let connection = Connection()
        _ = pool.openedShared(connection)
        _ = pool.resized(connection, room: 100)
        Self.expect(pool.retired(connection), "")
        Self.expect(pool.lease(2), "open")
        Self.expect(pool.openedShared(Connection()), "2")
        Self.expect(pool.released(connection), "")
        Self.expect(pool.closed(connection), "")
        #expect(pool.requestCount == 1)
    }

    @Test func `A shared connection that is gone takes its requests with it`() {
        var pool = Self.pool(1, requests: 2, waiters: 5, mayShare: true)
        _ = pool.lease(1)
        let connection = Connection()
        _ = pool.openedShared(connection)
        _ = pool.resized(connection, room: 100)
        _ = pool.lease(2)
        _ = pool.lease(3)
        Self.expect(pool.closed(connection), "+1")
        #expect(pool.requestCount == 0)
    }

    @Test func `A peer that takes fewer at once than it did gets no more until it has room`() {
        var pool = Self.pool(1, waiters: 5, mayShare: true)
        _ = pool.lease(1)
        let connection = Connection()
        _ = pool.openedShared(connection)
        _ = pool.resized(connection, room: 3)
        _ = pool.lease(2)
        _ = pool.resized(connection, room: 1)
        Self.expect(pool.lease(3), "wait")
        Self.expect(pool.released(connection), "")
        Self.expect(pool.released(connection), "3")
    }

    // MARK: - Whatever happens

    /// Plays the owner: connections in use by number of requests.
    struct Owner {
        var pool: Pool
        let isShared: Bool
        var used: [(connection: Connection, requests: Int)] = []
        var opening = 0
        var begun: [Int] = []

        mutating func perform(_ work: Pool.Work) {
            for (connection, waiter) in work.begin { self.begin(connection, waiter) }
            self.opening += work.opens
        }

        mutating func begin(_ connection: Connection, _ waiter: Int) {
            self.begun.append(waiter)
            for place in self.used.indices where self.used[place].connection === connection {
                self.used[place].requests += 1
            }
        }
    }

    @Test(arguments: [false, true])
    func `Whatever happens, the counts stay true and nobody waits in vain`(_ isShared: Bool) {
        var random = SplitMix(seed: isShared ? 6 : 5)
        for _ in 0..<200 {
            var owner = Owner(pool: Self.pool(3, requests: 5, waiters: 4, mayShare: isShared), isShared: isShared)
            var next = 0
            for _ in 0..<120 {
                let busy = owner.used.indices.filter { owner.used[$0].requests > 0 }
                switch random.next() % 6 {
                case 0, 1:
                    next += 1
                    switch owner.pool.lease(next) {
                    case .use(let connection): owner.begin(connection, next)
                    case .open: owner.opening += 1
                    case .wait, .full, .closed: break
                    }
                case 2 where owner.opening > 0:
                    owner.opening -= 1
                    let connection = Connection()
                    if random.next() % 4 == 0 {
                        owner.perform(owner.pool.openFailed().work)
                    } else {
                        owner.used.append((connection, 0))
                        if isShared {
                            owner.perform(owner.pool.openedShared(connection))
                            owner.perform(owner.pool.resized(connection, room: Int(random.next() % 3) + 1))
                        } else {
                            owner.perform(owner.pool.opened(connection))
                        }
                    }
                case 3 where !busy.isEmpty:
                    owner.used[busy[0]].requests -= 1
                    owner.perform(owner.pool.released(owner.used[busy[0]].connection))
                case 4 where !owner.used.isEmpty:
                    let gone = owner.used.remove(at: Int(random.next() % UInt64(owner.used.count)))
                    owner.perform(owner.pool.closed(gone.connection))
                case 5 where !owner.used.isEmpty && isShared:
                    owner.perform(owner.pool.retired(owner.used[0].connection))
                default: break
                }
                #expect(owner.pool.openingCount == owner.opening)
                #expect(owner.pool.openCount == owner.used.count)
                #expect(owner.pool.requestCount == owner.used.map(\.requests).reduce(0, +))
                #expect(owner.pool.requestCount <= 5)
                if !isShared {
                    #expect(owner.used.allSatisfy { $0.requests <= 1 })
                    #expect(owner.used.count + owner.opening <= 3)
                }
                // First come, first served.
                #expect(owner.begun == owner.begun.sorted())
                // Nobody waits while a request may be sent or a connection may be opened.
                if owner.pool.waiterCount > owner.opening, owner.pool.requestCount + owner.opening < 5 {
                    #expect(owner.pool.idleCount == 0)
                    #expect(
                        isShared ? owner.opening > 0 || owner.used.count >= 3 : owner.used.count + owner.opening == 3)
                }
            }
        }
    }
}
