import FoundationEssentials
import GRPCCore
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// The database on a file system of its own, which is then filled. Only root may mount one.
    @Suite(.enabled(if: geteuid() == 0, "mounting a file system needs root"))
    struct FullDisk {
        /// Runs `body` with a small file system; without a word where even root may not mount one, as in some containers.
        private func withSmallDisk(
            megabytes: Int = 8, _ body: @Sendable (String) async throws -> Void
        ) async throws {
            let directory = try TemporaryDirectory()
            let mount = ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", directory.path]
            guard try await Program.run("mount", mount).status.isSuccess else { return }
            do {
                try await body(directory.path)
            } catch {
                _ = try await Program.run("umount", [directory.path])
                throw error
            }
            #expect(try await Program.run("umount", [directory.path]).status.isSuccess)
        }

        private static func status(_ gateway: Gateway) async throws -> Roundhouse_V1_GetSystemStatusResponse {
            try await Roundhouse_V1_HealthService.Client(wrapping: gateway.client).getSystemStatus(.init())
        }

        /// What a full disk is told as.
        private static let sentences = ["request records cannot be written", "figures cannot be written"]

        private static func isTold(_ gateway: Gateway) async throws -> Bool {
            let issues = try await Self.status(gateway).issues
            return self.sentences.allSatisfy { sentence in
                issues.contains { $0.contains(sentence) && $0.contains("the disk is full") }
            }
        }

        /// Of a series of the page `/metrics`.
        private static func value(_ series: String, in page: String) throws -> Double {
            let lines = page.split(separator: "\n")
            let line = try #require(lines.first { $0.hasPrefix("\(series) ") }, "\(series)")
            return try #require(Double(line.split(separator: " ").last ?? ""))
        }

        @Test func `A full disk is named by its folder, with what to do and what goes on nevertheless`() async throws {
            try await self.withSmallDisk(megabytes: 100) { disk in
                try await FaultUpstream.run {
                    $0.path.hasSuffix("/models") ? .listing : .answer(to: $0, ["safe"])
                } _: { upstream in
                    let data = try TemporaryDirectory(at: "\(disk)/data")
                    try await RunningServer.with(providers(upstream.baseURL), in: data) { server in
                        let before = try await server.checkedHealth()
                        #expect(before.overallStatus == .healthy, "\(before.issues)")
                        // Less than a GiB is left of the whole.
                        #expect(before.warnings.contains { $0.contains("\(data.path)/models is nearly full") })
                        let filled = try await Program.run("sh", ["-c", "head -c 70m /dev/zero > \(disk)/filler"])
                        #expect(filled.status.isSuccess, "\(filled.text)")
                        let answer = try await server.checkedHealth()
                        #expect(answer.overallStatus == .degraded)
                        let finding = try answer.finding(about: "\(data.path)/models")
                        #expect(finding.message.contains("the disk of \(data.path)/models is full"), "\(finding)")
                        #expect(finding.message.contains("of 100.0 MiB left"), "\(finding)")
                        #expect(finding.fix.contains("free some space") && finding.fix.contains("still answered"))
                        let doctor = try await server.doctor()
                        #expect(doctor.status == .exited(1), "\(doctor.text)")
                        let reply = try await server.withClient { try await $0.generation.generate(.asking()) }
                        #expect(reply.text == "safe")
                    }
                }
            }
        }

        @Test func `Requests are served while the disk is full, and recorded once there is room`() async throws {
            try await self.withSmallDisk { disk in
                let settings = "storage: { path: \(disk)/roundhouse.db }"
                try await FaultUpstream.run { request in
                    .answer(to: request, ["safe"])
                } _: { upstream in
                    try await RunningServer.with(providers(upstream.baseURL, settings: settings)) { server in
                        try await server.withClient { gateway in
                            // It stops where nothing is left.
                            _ = try await Program.run("sh", ["-c", "head -c 16m /dev/zero > \(disk)/filler"])
                            var count = 0
                            let isTold = try await Processes.until(within: .seconds(60)) {
                                for _ in 0..<200 {
                                    let answer = try await gateway.generation.generate(.asking())
                                    #expect(answer.text == "safe")
                                    count += 1
                                }
                                return try await Self.isTold(gateway)
                            }
                            #expect(isTold)
                            let full = try await Self.status(gateway)
                            // The same where others look: figures and records wait, none is lost, and it says so.
                            let health = try await gateway.system.checkDependencies(.init())
                            for sentence in Self.sentences {
                                #expect(health.issues.contains { $0.contains(sentence) }, "\(health.issues)")
                            }
                            #expect(health.overallStatus == .degraded)
                            let metrics = try await server.ask("/metrics").body
                            #expect(try Self.value("roundhouse_request_records_waiting", in: metrics) > 0)
                            #expect(try Self.value("roundhouse_request_records_dropped_total", in: metrics) == 0)
                            #expect(try Self.value("roundhouse_storage_free_bytes", in: metrics) < 1e6)
                            for reason in ["unstored", "forgotten"] {
                                let name = "roundhouse_figures_lost_total{reason=\"\(reason)\"}"
                                #expect(try Self.value(name, in: metrics) == 0)
                            }
                            #expect(full.storage.pendingRecordCount > 0 && full.storage.droppedRecordCount == 0)
                            let line = await server.log.first(containing: "Request records cannot be written")
                            #expect(line?.contains("free some space") == true, "\(line ?? "no line")")
                            // What is there can still be read.
                            let kept = try await gateway.telemetry.listRequests(.init())
                            #expect(kept.lastSequence + full.storage.pendingRecordCount <= Int64(count))
                            try FileManager.default.removeItem(atPath: "\(disk)/filler")
                            let isWritten = try await Processes.until(within: .seconds(30)) {
                                let isMended = try await !Self.status(gateway).issues.contains {
                                    $0.contains("cannot be written")
                                }
                                let last = try await gateway.telemetry.listRequests(.init()).lastSequence
                                return isMended && last == Int64(count)
                            }
                            #expect(isWritten)
                            let mended = try await Self.status(gateway)
                            #expect(mended.storage.pendingRecordCount == 0 && mended.storage.droppedRecordCount == 0)
                        }
                    }
                }
            }
        }
    }
}
