import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite("Command line: hardware")
struct HardwareCommandTests {
    private static let gib: Int64 = 1 << 30

    private static let answer = Roundhouse_V1_GetHardwareResponse.with {
        $0.processor = .with {
            $0.name = "AMD EPYC"
            $0.architecture = "x86_64"
            $0.logicalCores = 8
            $0.physicalCores = 4
            $0.features = ["avx2", "avx512f"]
            $0.memoryBandwidthBytesPerSecond = 20 * gib
        }
        $0.memory = .with {
            $0.totalBytes = 16 * gib
            $0.availableBytes = 10 * gib
            $0.budgetBytes = 12 * gib
            $0.usedByModelsBytes = gib
        }
        $0.gpus = [
            .with {
                $0.name = "NVIDIA H200"
                $0.memory = .with {
                    $0.totalBytes = 140 * gib
                    $0.availableBytes = 139 * gib
                }
                $0.driverVersion = "570.1"
            }
        ]
        $0.disks = [
            .with {
                $0.path = "/data/models"
                $0.totalBytes = 100 * gib
                $0.availableBytes = 60 * gib
            }
        ]
        $0.models = [
            .with {
                $0.model = "local/small"
                $0.fit = .well
                $0.requiredBytes = 70 << 20
                $0.device = "cpu"
                $0.speed = .veryFast
                $0.tokensPerSecond = 1234.56
                $0.measured = true
                $0.reason = "there is room"
            },
            .with {
                $0.model = "local/large"
                $0.fit = .barely
                $0.requiredBytes = 9 * gib
                $0.device = "cuda:0"
                $0.speed = .slow
                $0.tokensPerSecond = 2.34
            },
            .with {
                $0.model = "ollama/big"
                $0.fit = .not
                $0.requiredBytes = 99 * gib
                $0.reason = "it is too large"
            },
            .with { $0.model = "away/x" },
        ]
    }

    private func server(_ answer: Roundhouse_V1_GetHardwareResponse) -> ScriptedServer {
        ScriptedServer(scripts: [.answer(Roundhouse_V1_GetHardwareRequest.self, with: answer)])
    }

    @Test("the machine and what fits on it are a page for people")
    func page() async throws {
        let console = RecordingConsole()
        #expect(try await self.server(Self.answer).run(["hardware"], console: console) == .success)
        #expect(
            console.transcript.output == """
                  processor  AMD EPYC, x86_64, 8 threads on 4 cores
                  features   avx2, avx512f
                  memory     10.0 GiB of 16.0 GiB available; models may take 12.0 GiB and take 1.0 GiB
                  reads      20.0 GiB of memory a second
                  GPU 0      NVIDIA H200: 139.0 GiB of 140.0 GiB available, driver 570.1
                  disk       /data/models: 60.0 GiB of 100.0 GiB available

                MODEL        FIT         TAKES  DEVICE  SPEED      TOKENS/S  REMARK
                local/small  well     70.0 MiB  cpu     very fast    1234.6  there is room
                local/large  barely    9.0 GiB  cuda:0  slow           ~2.3
                ollama/big   not      99.0 GiB  -       -                 -  it is too large
                away/x       unknown         -  -       -                 -

                """
        )
    }

    @Test("models are passed on; --check tells scripts whether all fit, --json gives everything")
    func check() async throws {
        let console = RecordingConsole()
        let server = self.server(Self.answer)
        let status = try await server.run(["hardware", "local/a", "ollama/big", "--check", "--json"], console: console)
        #expect(status == .failure)
        #expect(try Roundhouse_V1_GetHardwareResponse(jsonString: console.transcript.output) == Self.answer)
        #expect(console.transcript.errors.isEmpty)
        #expect(server.requests(Roundhouse_V1_GetHardwareRequest.self).map(\.models) == [["local/a", "ollama/big"]])
        let fine = self.server(.with { $0.models = [.with { $0.fit = .barely }] })
        #expect(try await fine.run(["hardware", "--check"], console: RecordingConsole()) == .success)
    }

    @Test("a machine of which nothing is known is an empty page, not a failure")
    func nothing() async throws {
        let console = RecordingConsole()
        #expect(try await self.server(.init()).run(["hardware"], console: console) == .success)
        #expect(console.transcript.output == "  GPU  none, or no NVIDIA driver\n")
    }
}
