import Inference
import Testing

@testable import ModelLifecycle

/// Goes through what can happen in every order, and looks after each step whether what must hold still holds.
@Suite("Every order")
struct ExplorerTests {
    /// One thing that the world may do next.
    enum Move: Hashable, CustomStringConvertible {
        case request(ModelID)
        case load(ModelID)
        case unload(ModelID)
        case abandon(Int)
        case release(Int)
        case prepared(Int)
        case ready(Int)
        case warmed(Int)
        case end(Int)
        case crash(Int)
        case wake

        var description: String {
            switch self {
            case .request(let model): "request \(model.name)"
            case .load(let model): "load \(model.name)"
            case .unload(let model): "unload \(model.name)"
            case .abandon(let ticket): "abandon \(ticket)"
            case .release(let launch): "release \(launch)"
            case .prepared(let number): "prepared \(number)"
            case .ready(let launch): "ready \(launch)"
            case .warmed(let launch): "warmed \(launch)"
            case .end(let launch): "end \(launch)"
            case .crash(let launch): "crash \(launch)"
            case .wake: "wake"
            }
        }
    }

    struct Setting: Sendable, CustomStringConvertible {
        var models: Int
        var memory: Int64?
        var places: Int?
        var isFirstPinned = false

        var description: String {
            "\(self.models) models, memory \(self.memory ?? -1), places \(self.places ?? -1)"
                + (self.isFirstPinned ? ", the first one pinned" : "")
        }

        func world() -> World {
            let names = ["a", "b", "c"].prefix(self.models)
            let models = names.map {
                ManagedModel.local($0, pinned: self.isFirstPinned && $0 == "a", ttl: .seconds(30))
            }
            var world = World(models, limits: .forTests(memory: self.memory, places: self.places))
            world.answersPreparations = false
            return world
        }
    }

    /// Worlds that are followed from each depth to the next.
    private static let width = 1500

    static let settings = [
        Setting(models: 2, memory: 15),
        Setting(models: 2, places: 1),
        Setting(models: 3, memory: 25),
        Setting(models: 2, memory: 25, isFirstPinned: true),
        Setting(models: 3, memory: 25, places: 2, isFirstPinned: true),
    ]

    @Test("keeps every promise, whatever comes in whichever order", arguments: settings)
    func everyOrder(_ setting: Setting) {
        var seen: Set<Fingerprint> = []
        var frontier = [(world: setting.world(), path: [Move]())]
        for depth in 0..<9 {
            var next: [(world: World, path: [Move])] = []
            for (world, path) in frontier {
                for move in world.moves(tickets: 3) {
                    var after = world
                    after.make(move)
                    guard after.problems.isEmpty else {
                        Issue.record("\(path + [move]): \(after.problems)")
                        return
                    }
                    guard seen.insert(Fingerprint(after)).inserted else { continue }
                    next.append((after, path + [move]))
                }
            }
            frontier = next
            // Beyond that, every n-th: what is left out is met on the random ways.
            let step = frontier.count / Self.width + 1
            frontier = stride(from: depth % step, to: frontier.count, by: step).map { frontier[$0] }
        }
        #expect(seen.count > 1000)
        for (world, path) in frontier.prefix(200) {
            var world = world
            world.comeToRest()
            #expect(world.open.isEmpty && world.problems == [], "\(path)")
        }
    }

    @Test("keeps every promise on long random ways, and answers everyone in the end", arguments: 0..<40)
    func randomWays(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed) &* 0x9E37_79B9 &+ 17)
        var world = Self.settings[seed % Self.settings.count].world()
        var path: [Move] = []
        for _ in 0..<800 {
            guard let move = world.moves(tickets: 8).randomElement(using: &random) else { break }
            world.now += .milliseconds(Int.random(in: 0...400, using: &random))
            path.append(move)
            world.make(move)
            guard world.problems.isEmpty else {
                Issue.record("seed \(seed): \(path.suffix(30)): \(world.problems)")
                return
            }
        }
        // It was no walk in the park: everything has happened on the way.
        let kinds = Set(world.events.map(\.kind))
        #expect(kinds.isSuperset(of: [.modelLoading, .modelLoaded, .modelLoadError, .modelUnloaded]), "seed \(seed)")
        world.comeToRest()
        #expect(world.open.isEmpty, "seed \(seed)")
        #expect(world.problems == [], "seed \(seed)")
        world.maySever = true
        world.send(.shutDown)
        for launch in world.launches.keys { world.end(launch) }
        #expect(world.isFinished && world.problems == [], "seed \(seed)")
    }
}

extension World {
    /// Everything that may happen next.
    func moves(tickets: Int) -> [ExplorerTests.Move] {
        var moves: [ExplorerTests.Move] = []
        if self.open.count < tickets {
            for model in self.scheduler.models.keys.sorted() {
                moves += [.request(model), .load(model), .unload(model)]
            }
        }
        moves += self.open.sorted().prefix(2).map { .abandon($0) }
        moves += self.preparations.keys.sorted().map { .prepared($0) }
        moves += self.warming.sorted().map { .warmed($0) }
        for (number, launch) in self.launches.sorted(by: { $0.key < $1.key }) {
            if launch.leases > 0 { moves.append(.release(number)) }
            if !launch.isReady { moves.append(.ready(number)) }
            moves.append(launch.isStopping || launch.isKilled ? .end(number) : .crash(number))
        }
        if self.wakeAt != nil { moves.append(.wake) }
        return moves
    }

    mutating func make(_ move: ExplorerTests.Move) {
        switch move {
        case .request(let model): _ = self.request(model)
        case .load(let model): _ = self.load(model, warms: true)
        case .unload(let model): _ = self.unload(model)
        case .abandon(let ticket): self.abandon(ticket)
        case .release(let launch): self.release(launch)
        case .prepared(let number):
            if let model = self.preparations[number] { self.prepare(number, model) }
        case .ready(let launch): self.ready(launch)
        case .warmed(let launch): self.warmed(launch)
        case .end(let launch): self.end(launch)
        case .crash(let launch): self.end(launch, .crashed(reason: "crash"))
        case .wake:
            if let wakeAt = self.wakeAt { self.now = max(self.now, wakeAt) }
            self.send(.tick)
        }
    }

    /// Has everything go well from now on, until nothing is left to happen or to wait for.
    mutating func comeToRest() {
        for _ in 0..<2000 where !self.open.isEmpty {
            if let (number, model) = self.preparations.first {
                self.prepare(number, model)
            } else if let launch = self.warming.first {
                self.warmed(launch)
            } else if let (number, _) = self.launches.first(where: { $0.value.leases > 0 }) {
                self.release(number)
            } else if let (number, _) = self.launches.first(where: { $0.value.isStopping || $0.value.isKilled }) {
                self.end(number)
            } else if let (number, _) = self.launches.first(where: { !$0.value.isReady }) {
                self.ready(number)
            } else {
                self.make(.wake)
            }
        }
    }
}

/// What of a world decides what it does next: two worlds that are alike in it need not both be followed.
struct Fingerprint: Hashable {
    struct One: Hashable {
        var state: InstanceState
        var wishes: [Ticket.Wish]
        var leases: Int
        var isPreparing: Bool
        var isPrepared: Bool
        var isWarm: Bool
        var isWarmingUp: Bool
        var isWanted: Bool
        var failures: Int
        var waitsUntil: Duration?
        var resident: Duration
        var farewell: Farewell.Cause?
        var farewellTickets: Int
        var isReady: Bool
        var isStopping: Bool
    }

    var instances: [InstanceKey: One] = [:]
    var queue: [InstanceKey]
    var releasing: Int64
    var openCount: Int

    init(_ world: World) {
        self.queue = world.scheduler.queue
        self.openCount = world.open.count
        self.releasing = world.scheduler.ledger.devices.reduce(0) { $0 + $1.releasingBytes }
        for (key, instance) in world.scheduler.instances {
            let launch = instance.life.flatMap { world.launches[$0.launch] }
            self.instances[key] = One(
                state: instance.state,
                wishes: instance.waiters.map(\.wish),
                leases: instance.life?.leases ?? 0,
                isPreparing: instance.preparation != nil,
                isPrepared: instance.isPrepared,
                isWarm: instance.life?.isWarm ?? false,
                isWarmingUp: instance.life?.isWarmingUp ?? false,
                isWanted: instance.isWanted,
                failures: instance.failuresInARow,
                waitsUntil: (instance.notBefore ?? instance.retryAt).map { $0 - world.now },
                resident: min(.seconds(2), world.now - (instance.life?.readyAt ?? world.now)),
                farewell: instance.farewell?.cause,
                farewellTickets: instance.farewell?.tickets.count ?? 0,
                isReady: launch?.isReady ?? false,
                isStopping: launch?.isStopping ?? false
            )
        }
    }
}

/// Random numbers that come out the same with the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
