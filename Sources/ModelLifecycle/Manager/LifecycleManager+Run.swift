import Inference
import Synchronization

extension LifecycleManager {
    /// Owns every instance, from the first launch to the end of the last one.
    ///
    /// When its task is cancelled, nobody gets anything any more, and everything in memory is told to end, and killed
    /// when it does not within ``LifecycleLimits/shutdownTimeout``. Returns once nothing is left.
    package func run() async {
        // task: shields the runtimes from the cancellation, which would kill what is to be told to end first
        let work = Task { await self.work() }
        await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            self.handle(.shutDown)
        }
    }

    private func work() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepTime() }
            group.addTask { await self.probe() }
            // Ends when the scheduler says that the shutdown is over.
            for await job in self.jobs {
                group.addTask { await self.carryOut(job) }
            }
            group.cancelAll()
        }
        let watchers = self.state.withLock { Array($0.watchers.values) }
        for watcher in watchers { watcher.finish() }
    }

    private func carryOut(_ job: Job) async {
        switch job {
        case .prepare(let number, let model, let runtime):
            let result = await self.prepare(model, by: runtime)
            // Fresh figures, for the decision that follows.
            self.handle(.readings(self.memory.read()))
            self.handle(.prepared(number: number, result))
        case .launch(let number, let model, let handle):
            let exit = await self.live(number, model, handle)
            self.ended(number, handle.key, exit)
        case .warm(let instance):
            do throws(UpstreamFault) {
                try await self.warm(instance)
                self.handle(.warmed(launch: instance.launch, nil))
            } catch {
                self.handle(.warmed(launch: instance.launch, error))
            }
        case .readMemory:
            self.handle(.readings(self.memory.read()))
        }
    }

    func prepare(
        _ model: RuntimeModel,
        by runtime: (any ModelRuntime)?
    ) async -> Result<MemoryEstimate, RuntimeUnavailable> {
        guard let runtime else {
            return .failure(RuntimeUnavailable("the provider '\(model.id.provider)' has nothing that loads models"))
        }
        do throws(RuntimeUnavailable) {
            return .success(try await runtime.prepare(model))
        } catch {
            return .failure(error)
        }
    }

    /// One life, which ends with its runtime's answer; a kill ends the runtime's task.
    private func live(_ number: Int, _ model: RuntimeModel, _ handle: Handle) async -> RuntimeExit {
        guard let runtime = handle.runtime else {
            return .unavailable(reason: "the provider '\(model.id.provider)' has nothing that loads models")
        }
        let launch = RuntimeLaunch(number: number, model: model, stop: handle.stop)
        return await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask {
                await runtime.run(launch) { self.handle(.report(launch: number, $0)) }
            }
            group.addTask {
                await handle.kill.wait()
                return nil
            }
            var exit = RuntimeExit.stopped
            for await outcome in group {
                if let outcome { exit = outcome }
                group.cancelAll()
            }
            return exit
        }
    }

    private func ended(_ number: Int, _ key: InstanceKey, _ exit: RuntimeExit) {
        let mourners = self.state.withLock { state in
            state.launches[number] = nil
            state.exits[key] = (number, exit)
            let mourners = state.mourners.filter { $0.value.launch == number }
            for ticket in mourners.keys { state.mourners[ticket] = nil }
            return mourners.values.map(\.continuation)
        }
        self.handle(.ended(launch: number, exit))
        for mourner in mourners { mourner.resume(returning: exit) }
    }

    /// Wakes the scheduler when it asked to be woken.
    private func keepTime() async {
        while !Task.isCancelled {
            let (deadline, changed) = self.alarm.arm()
            await withDiscardingTaskGroup { group in
                if let deadline {
                    let wait = deadline - self.time.now()
                    group.addTask {
                        if wait > .zero { try? await self.time.sleep(wait) }
                        changed.send()
                    }
                }
                await changed.wait()
                group.cancelAll()
            }
            guard let deadline, !Task.isCancelled, self.time.now() >= deadline else { continue }
            self.alarm.clear(deadline)
            self.handle(.tick)
        }
    }

    /// Looks from time to time whether what is ready still answers, and how the memory stands.
    private func probe() async {
        while !Task.isCancelled {
            do { try await self.time.sleep(self.state.withLock { $0.scheduler.limits.probeInterval }) } catch { return }
            let ready = self.state.withLock { state in
                state.scheduler.probed.map { ($0, state.launches[$0.launch]?.runtime) }
            }
            guard !ready.isEmpty else { continue }
            self.handle(.readings(self.memory.read()))
            await withDiscardingTaskGroup { group in
                for case (let instance, let runtime?) in ready {
                    group.addTask {
                        let isAlive = await runtime.probe(instance)
                        if !Task.isCancelled { self.handle(.probed(launch: instance.launch, isAlive: isAlive)) }
                    }
                }
            }
        }
    }
}
