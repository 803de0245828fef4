import FoundationEssentials
import Glibc
import Inference
import Logging
import Subprocess
import SystemPackage
import Testing

@testable import LocalEngines

/// A directory that is removed with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        self.path = "/tmp/roundhouse-engines-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func write(_ text: String, to name: String, executable: Bool = false) throws -> String {
        let file = "\(self.path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: file))
        if executable { _ = unsafe chmod(file, 0o755) }
        return file
    }

    func read(_ name: String) -> String {
        (try? String(contentsOfFile: "\(self.path)/\(name)", encoding: .utf8)) ?? ""
    }
}

/// The root of the package.
let packageRoot = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

let python = Machine.findProgram("python3") ?? "/usr/bin/python3"

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Where the real engine is installed for tests: once, since it is a download of 34 MB.
let testEngines = EngineDirectories(
    root: ProcessInfo.processInfo.environment["ROUNDHOUSE_ENGINES_DIR"] ?? "\(packageRoot)/.build/test-engines"
)

/// Runs a program to its end and returns its status and everything that it wrote.
func output(
    of executable: String,
    _ arguments: [String],
    directory: String? = nil
) async throws -> (isSuccess: Bool, text: String) {
    let result = try await Subprocess.run(
        .path(FilePath(executable)),
        arguments: Arguments(arguments),
        workingDirectory: directory.map { FilePath($0) },
        output: .string(limit: 1 << 20),
        error: .combinedWithOutput
    )
    return (result.terminationStatus.isSuccess, result.standardOutput)
}

/// Whether a process runs; a zombie does not.
func isAlive(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !(stat.split(separator: ")").last ?? "").hasPrefix(" Z")
}

/// Waits until nothing is left of a process that has ended: who has to wait for it, the machine's first process, may take
/// seconds, and sends no signal.
func isReaped(_ pid: Int32) async throws -> Bool {
    for _ in 0..<6000 {
        if ProcessMemory.stat(pid) == nil { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// Waits for the end of a process that need not be our child, or is gone already, and tells whether it came.
func ends(_ pid: Int32) async throws -> Bool {
    let script = """
        import os, select, sys
        try:
            process = os.pidfd_open(int(sys.argv[1]))
        except ProcessLookupError:
            sys.exit(print("gone"))
        print("gone" if select.select([process], [], [], 20)[0] else "alive")
        """
    return try await output(of: python, ["-c", script, "\(pid)"]).text == "gone\n"
}

/// An engine that is a script: it does what the plan says for its first, second, … start, the last entry for the rest.
struct ScriptedEngine: LocalEngine {
    enum Act: String {
        case ready
        /// Writes many lines and ends before it is ready.
        case crash
        /// Says that it cannot.
        case refuse
        /// Never says anything.
        case hang
        /// Ready once someone writes into the pipe `gate`.
        case gated
        /// Ready; takes 64 MiB once someone writes into the pipe `gate`, and says so by the pipe `grown`.
        case growing
        /// Ready, deaf to SIGTERM, with a child that is deaf too.
        case deaf
    }

    let directory: TemporaryDirectory
    var plan: [Act] = [.ready]
    var startTimeout = Duration.seconds(3600)
    var unavailable: @Sendable () -> String? = { nil }

    /// The starts that were made, one process number each.
    var starts: [Int32] { self.directory.read("starts").split(separator: "\n").compactMap { Int32($0) } }

    var child: Int32? { Int32(self.directory.read("child")) }

    /// Makes a pipe: an engine that finds `started` there writes to it when it starts, and waits for a reader.
    func makePipe(_ name: String) throws {
        let made = unsafe mkfifo("\(self.directory.path)/\(name)", 0o600)
        try #require(made == 0)
    }

    /// Returns once an engine has opened the pipe `started` and closed it.
    func untilStarted() async throws {
        _ = try await output(of: "/bin/cat", ["\(self.directory.path)/started"])
    }

    var name: String { "fake" }

    func prepare(_ model: RuntimeModel) throws(RuntimeUnavailable) -> EngineCommand {
        if let reason = self.unavailable() { throw RuntimeUnavailable(reason) }
        let plan = self.plan.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        return EngineCommand(
            engine: "fake",
            executable: python,
            arguments: ["-I", "-c", Self.script],
            specification: #"{"directory": "\#(self.directory.path)", "plan": [\#(plan)]}"#,
            apiKey: EngineCommand.makeKey(),
            startTimeout: self.startTimeout,
            stopGrace: .milliseconds(100)
        )
    }

    private static let script = """
        import json, os, signal, subprocess, sys
        spec = json.loads(sys.stdin.readline())
        os.chdir(spec["directory"])
        with open("starts", "a") as file:
            file.write("%d\\n" % os.getpid())
        starts = len(open("starts").readlines())
        if os.path.exists("started"):
            open("started", "w").close()
        act = spec["plan"][min(starts, len(spec["plan"])) - 1]
        if act == "crash":
            for line in range(2000):
                print("line", line, file=sys.stderr)
            print("out of steam", file=sys.stderr, flush=True)
            os._exit(3)
        if act == "refuse":
            print(json.dumps({"event": "error", "message": "the boiler is cold"}), flush=True)
            os._exit(1)
        if act == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
            open("child", "w").write(str(child.pid))
        if act == "gated":
            open("gate").read()
        if act != "hang":
            print("noise that is not JSON")
            print(json.dumps({"event": "ready", "port": 1000 + starts, "pid": os.getpid()}), flush=True)
        if act == "growing":
            open("gate").read()
            more = bytes(bytearray(b"x") * (64 << 20))
            open("grown", "w").close()
        if act == "deaf":
            while True:
                signal.pause()
        sys.stdin.read()
        """
}
