import Testing

@testable import Providers

@Suite struct ConnectionPoolTests {
    final class Connection: Sendable {}
    typealias Pool = ConnectionPool<Connection, Int>

    static func pool(limit: Int = 2, waiters: Int = 2) -> Pool {
        Pool(limit: limit, waiterLimit: waiters) { $0 == $1 }
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

    @Test func `Connections open up to the limit, then requests wait, then they are refused`() {
        var pool = Self.pool(limit: 2, waiters: 2)
        let leases = (1...6).map { Self.name(pool.lease($0)) }
        #expect(leases == ["open", "open", "wait", "wait", "full", "full"])
        let result1 = pool.opened(Connection())
        #expect(result1 == 1)
        let result2 = pool.opened(Connection())
        #expect(result2 == 2)
        #expect(pool.waiterCount == 2)
        let result3 = Self.name(pool.lease(7))
        #expect(result3 == "full")
    }

    @Test func `A free connection goes to whoever waits longest`() {
        var pool = Self.pool(limit: 1, waiters: 3)
        let connection = Connection()
        _ = pool.lease(1)
        let result4 = pool.opened(connection)
        #expect(result4 == 1)
        _ = pool.lease(2)
        _ = pool.lease(3)
        let result5 = pool.released(connection)
        #expect(result5 == 2)
        let result6 = pool.released(connection)
        #expect(result6 == 3)
        let result7 = pool.released(connection)
        #expect(result7 == nil)
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
        var pool = Self.pool(limit: 1, waiters: 3)
        _ = pool.lease(1)
        _ = pool.lease(2)
        var (waiter, again) = pool.openFailed()
        #expect(waiter == 1)
        #expect(again)
        (waiter, again) = pool.openFailed()
        #expect(waiter == 2)
        #expect(!again)
        #expect(pool.openingCount == 0)
    }

    @Test func `A connection that closes makes room for who waits`() {
        var pool = Self.pool(limit: 1)
        let connection = Connection()
        _ = pool.lease(1)
        _ = pool.opened(connection)
        _ = pool.lease(2)
        let result8 = pool.closed(connection)
        #expect(result8)
        #expect(pool.openingCount == 1)
    }

    @Test func `An idle connection that closes is not handed out`() {
        var pool = Self.pool()
        let connection = Connection()
        _ = pool.lease(1)
        _ = pool.opened(connection)
        _ = pool.released(connection)
        let result9 = pool.closed(connection)
        #expect(!result9)
        let result10 = Self.name(pool.lease(2))
        #expect(result10 == "open")
    }

    @Test func `Who leaves the queue is not handed a connection`() {
        var pool = Self.pool()
        _ = pool.lease(1)
        let result11 = pool.withdraw(1)
        #expect(result11)
        let result12 = pool.withdraw(1)
        #expect(!result12)
        let result13 = pool.opened(Connection())
        #expect(result13 == nil)
        #expect(pool.idleCount == 1)
    }

    @Test func `A closed pool lets nobody in`() {
        var pool = Self.pool()
        _ = pool.lease(1)
        let (idle, waiters) = pool.close()
        #expect(idle.isEmpty)
        #expect(waiters == [1])
        let result14 = Self.name(pool.lease(2))
        #expect(result14 == "closed")
    }

    @Test func `Whatever happens, the counts stay true`() {
        var random = SplitMix(seed: 5)
        for _ in 0..<200 {
            var pool = Self.pool(limit: 3, waiters: 4)
            var busy: [Connection] = []
            var opening = 0
            var next = 0
            for _ in 0..<100 {
                switch random.next() % 5 {
                case 0, 1:
                    next += 1
                    switch pool.lease(next) {
                    case .use(let connection): busy.append(connection)
                    case .open: opening += 1
                    case .wait, .full, .closed: break
                    }
                case 2 where opening > 0:
                    opening -= 1
                    let connection = Connection()
                    if random.next() % 4 == 0 {
                        if pool.openFailed().opensAnother { opening += 1 }
                    } else if pool.opened(connection) != nil {
                        busy.append(connection)
                    }
                case 3 where !busy.isEmpty:
                    let connection = busy.removeFirst()
                    if pool.released(connection) != nil { busy.append(connection) }
                case 4 where !busy.isEmpty:
                    if pool.closed(busy.removeFirst()) { opening += 1 }
                default: break
                }
                #expect(pool.openingCount == opening)
                #expect(pool.openCount == busy.count + pool.idleCount)
                #expect(pool.openCount + pool.openingCount <= 3)
                // Nobody waits while a connection is free, or could be opened.
                #expect(pool.waiterCount == 0 || pool.idleCount == 0)
                #expect(pool.waiterCount <= opening || pool.openCount + opening == 3)
            }
        }
    }
}
