import Inference
import Providers
import TestSupport
import Testing

/// Ollama and LM Studio as runtimes, on real sockets before fakes that follow their documentation.
@Suite(.timeLimit(.minutes(1))) struct RemoteRuntimeTests {
    typealias Product = RemoteHarness.Product

    // MARK: - The usual life

    @Test(arguments: Product.allCases)
    func `A model is loaded, is ready with its memory, and is gone after a stop`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            let exit = try await harness.launch { launch, _ in
                let instance = try #require(await launch.instance())
                #expect(launch.reports.all.first == .started(processID: nil))
                #expect(harness.loadedCount() == 1)
                #expect(instance.launch == 7 && instance.device == .remote && instance.processID == nil)
                #expect(instance.contextLength == 4096)
                #expect((instance.memory[.remote] ?? 0) > 1_000_000_000)
                let answers = await harness.runtime.probe(instance)
                #expect(answers)
                launch.stop.send()
            }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
        }
    }

    @Test func `Ollama is told to keep a model until further notice`() async throws {
        try await FakeOllama.run { fake in
            let runtime = try OllamaRuntime(
                Fixture.configuration(fake.baseURL, kind: .ollama), group: Fixture.group, clock: StepClock().clock)
            let ready = Recorder<RuntimeReport>()
            let stop = StopSignal()
            let model = RuntimeModel(id: try #require(ModelID("ollama/llama3.2")))
            async let exit = runtime.run(RuntimeLaunch(number: 1, model: model, stop: stop)) { report in
                _ = ready.append { _ in report }
            }
            _ = await ready.element(1)
            #expect(fake.loaded == [.init(name: "llama3.2:latest", keepAlive: -1)])
            let load = try #require(fake.upstream?.requests.all.first { $0.path == "/api/chat" })
            #expect(load.text == #"{"model":"llama3.2","messages":[],"stream":false,"keep_alive":-1}"#)
            // A request through /v1 says nothing of keep_alive and changes nothing.
            let provider = try Fixture.provider(fake.baseURL, kind: .ollama)
            var request = Fixture.request()
            request.model = "llama3.2"
            let events = try await provider.start(request).collect()
            #expect(events.contains(.textDelta("Hello")) && events.last == .finished(.stop))
            #expect(fake.loaded == [.init(name: "llama3.2:latest", keepAlive: -1)])
            stop.send()
            #expect(await exit == .stopped)
        }
    }

    @Test func `LM Studio gets the context length, and its instance id is the handle`() async throws {
        try await RemoteHarness.run(.lmStudio) { harness in
            let exit = try await harness.launch(contextLength: 16_384) { launch, _ in
                let instance = try #require(await launch.instance())
                #expect(instance.handle == "openai/gpt-oss-20b")
                #expect(instance.contextLength == 16_384)
                launch.stop.send()
            }
            #expect(exit == .stopped)
            let unload = try #require(harness.upstream.requests.all.first { $0.path == harness.unloadPath })
            #expect(unload.text == #"{"instance_id":"openai/gpt-oss-20b"}"#)
        }
    }

    @Test(arguments: Product.allCases)
    func `A model that is loaded there already is joined, not loaded twice`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            harness.preload()
            let exit = try await harness.launch { launch, _ in
                _ = try #require(await launch.instance())
                #expect(harness.loadedCount() == 1)
                launch.stop.send()
            }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
            if product == .lmStudio { #expect(!harness.calls().contains("POST /api/v1/models/load")) }
        }
    }

    @Test func `A model that Ollama was about to unload is kept when we join it`() async throws {
        try await FakeOllama.run { fake in
            fake.preload("llama3.2", keepAlive: 300)
            let runtime = try OllamaRuntime(
                Fixture.configuration(fake.baseURL, kind: .ollama), group: Fixture.group, clock: StepClock().clock)
            let reports = Recorder<RuntimeReport>()
            let stop = StopSignal()
            let model = RuntimeModel(id: try #require(ModelID("ollama/llama3.2:latest")))
            async let exit = runtime.run(RuntimeLaunch(number: 1, model: model, stop: stop)) { report in
                _ = reports.append { _ in report }
            }
            _ = await reports.element(1)
            #expect(fake.loaded.map(\.keepAlive) == [-1])
            stop.send()
            #expect(await exit == .stopped)
        }
    }

    @Test func `A model that is in Ollama's memory under another name of the same content is found`() async throws {
        let models = [FakeOllama.Model("llama3.2", digest: "same"), FakeOllama.Model("my-copy", digest: "same")]
        try await FakeOllama.run(models) { fake in
            fake.preload("llama3.2")
            let runtime = try OllamaRuntime(
                Fixture.configuration(fake.baseURL, kind: .ollama), group: Fixture.group, clock: StepClock().clock)
            let reports = Recorder<RuntimeReport>()
            let stop = StopSignal()
            let model = RuntimeModel(id: try #require(ModelID("ollama/my-copy")))
            async let exit = runtime.run(RuntimeLaunch(number: 1, model: model, stop: stop)) { report in
                _ = reports.append { _ in report }
            }
            guard case .ready(let instance) = await reports.element(1) else {
                Issue.record("not ready")
                return
            }
            let answers = await runtime.probe(instance)
            #expect(answers)
            fake.expire("llama3.2")
            stop.send()
            _ = await exit
        }
    }

    // MARK: - What happens meanwhile

    @Test(arguments: Product.allCases)
    func `A model that vanishes is released`(_ product: Product) async throws {
        let clock = StepClock()
        try await RemoteHarness.run(product, clock: clock) { harness in
            let exit = try await harness.launch { launch, _ in
                let instance = try #require(await launch.instance())
                #expect(await clock.waits.element(0) == .seconds(5))
                harness.expire()
                clock.tick()
                let answers = await harness.runtime.probe(instance)
                #expect(!answers)
            }
            guard case .released(let reason) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(reason.contains(harness.model.name))
        }
    }

    @Test(arguments: Product.allCases)
    func `Three looks in a row that fail are a crash, two are not`(_ product: Product) async throws {
        let clock = StepClock()
        try await RemoteHarness.run(product, clock: clock) { harness in
            let exit = try await harness.launch { launch, _ in
                _ = try #require(await launch.instance())
                for look in 0..<6 {
                    try #require(await clock.waits.element(look) == .seconds(5))
                    // Fails, fails, answers; then fails for good.
                    harness.diverge(harness.listPath, look == 2 ? nil : .closed)
                    clock.tick()
                }
            }
            guard case .crashed(let reason) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(reason.contains("3 times in a row"))
            // Six looks at intervals, and the farewell's bound.
            #expect(clock.waits.all.filter { $0 == .seconds(5) }.count == 6)
        }
    }

    @Test func `What a model takes in memory is told when it changes`() async throws {
        let clock = StepClock()
        try await FakeOllama.run { fake in
            let runtime = try OllamaRuntime(
                Fixture.configuration(fake.baseURL, kind: .ollama), group: Fixture.group, clock: clock.clock)
            let reports = Recorder<RuntimeReport>()
            let stop = StopSignal()
            let model = RuntimeModel(id: try #require(ModelID("ollama/llama3.2")))
            async let exit = runtime.run(RuntimeLaunch(number: 1, model: model, stop: stop)) { report in
                _ = reports.append { _ in report }
            }
            _ = await clock.waits.element(0)
            clock.tick()
            _ = await clock.waits.element(1)
            fake.resize("llama3.2", to: 3_000_000_000)
            clock.tick()
            #expect(await reports.element(2) == .memory([.remote: 3_500_000_000]))
            stop.send()
            _ = await exit
        }
    }

    // MARK: - Stops at bad times

    @Test(arguments: Product.allCases)
    func `A stop in the middle of a load ends it, and leaves nothing`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            let gate = Gate()
            harness.hold(gate)
            let exit = try await harness.launch { launch, _ in
                await Self.untilLoading(harness)
                launch.stop.send()
            }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
        }
    }

    @Test(arguments: Product.allCases)
    func `A load that ends after the stop is unloaded all the same`(_ product: Product) async throws {
        let gate = Gate()
        let clock = StepClock(onPause: { gate.open() })
        try await RemoteHarness.run(product, clock: clock) { harness in
            harness.hold(gate)
            let exit = try await harness.launch { launch, _ in
                await Self.untilLoading(harness)
                launch.stop.send()
            }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
            #expect(harness.upstream.requests.all.contains { $0.path == harness.unloadPath && !Self.isLoad($0) })
        }
    }

    @Test(arguments: Product.allCases)
    func `A stop before the load is no load`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            let exit = try await harness.launch { launch, _ in launch.stop.send() }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
        }
    }

    @Test(arguments: Product.allCases)
    func `Cancelling the task unloads`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            let exit = try await harness.launch { launch, running in
                _ = try #require(await launch.instance())
                running.cancel()
            }
            #expect(exit == .stopped)
            #expect(harness.loadedCount() == 0)
        }
    }

    @Test(arguments: Product.allCases)
    func `Cancelling waits two seconds at most for a server that hangs`(_ product: Product) async throws {
        let clock = StepClock()
        try await RemoteHarness.run(product, clock: clock) { harness in
            let exit = try await harness.launch { launch, running in
                _ = try #require(await launch.instance())
                harness.diverge(harness.unloadPath, .steps([.wait(Gate())]))
                let looks = clock.waits.all.count
                running.cancel()
                // The next long wait is the bound.
                var place = looks
                while await clock.waits.element(place) == .seconds(5) { place += 1 }
                try #require(await clock.waits.element(place) == .seconds(2))
                clock.tick()
            }
            #expect(exit == .stopped)
        }
    }

    @Test func `Only our instance is unloaded`() async throws {
        try await FakeLMStudio.run { fake in
            let runtime = try LMStudioRuntime(
                Fixture.configuration(fake.baseURL, kind: .lmStudio), group: Fixture.group, clock: StepClock().clock)
            let reports = Recorder<RuntimeReport>()
            let stop = StopSignal()
            let model = RuntimeModel(id: try #require(ModelID("studio/openai/gpt-oss-20b")))
            async let exit = runtime.run(RuntimeLaunch(number: 1, model: model, stop: stop)) { report in
                _ = reports.append { _ in report }
            }
            _ = await reports.element(1)
            let other = fake.preload("openai/gpt-oss-20b")
            stop.send()
            #expect(await exit == .stopped)
            #expect(fake.instances.map(\.id) == [other])
        }
    }

    private static func untilLoading(_ harness: RemoteHarness) async {
        var place = 0
        while !Self.isLoad(await harness.upstream.requests.element(place)) { place += 1 }
    }

    private static func isLoad(_ request: FaultUpstream.Request) -> Bool {
        request.path == "/api/v1/models/load"
            || (request.path == "/api/chat" && request.text.contains(#""keep_alive":-1"#))
    }
}
