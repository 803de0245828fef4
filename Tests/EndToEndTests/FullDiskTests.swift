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
        private func withSmallDisk(_ body: @Sendable (String) async throws -> Void) async throws {
            let directory = try TemporaryDirectory()
            let mount = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", directory.path]
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
                                return try await Self.status(gateway).issues.contains {
                                    $0.contains("request records cannot be written") && $0.contains("the disk is full")
                                }
                            }
                            #expect(isTold)
                            let full = try await Self.status(gateway)
                            #expect(full.storage.pendingRecordCount > 0 && full.storage.droppedRecordCount == 0)
                            let line = await server.log.first(containing: "Request records cannot be written")
                            #expect(line?.contains("free some space") == true, "\(line ?? "no line")")
                            // What is there can still be read.
                            let kept = try await gateway.telemetry.listRequests(.init())
                            #expect(kept.lastSequence + full.storage.pendingRecordCount <= Int64(count))
                            try FileManager.default.removeItem(atPath: "\(disk)/filler")
                            let isWritten = try await Processes.until(within: .seconds(20)) {
                                try await gateway.telemetry.listRequests(.init()).lastSequence == Int64(count)
                            }
                            #expect(isWritten)
                            let mended = try await Self.status(gateway)
                            #expect(!mended.issues.contains { $0.contains("request records") }, "\(mended.issues)")
                            #expect(mended.storage.pendingRecordCount == 0 && mended.storage.droppedRecordCount == 0)
                        }
                    }
                }
            }
        }
    }
}
