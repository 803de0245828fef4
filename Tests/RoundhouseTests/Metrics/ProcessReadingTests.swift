import Glibc
import Testing

@testable import Roundhouse

@Suite("What the kernel knows of this process")
struct ProcessReadingTests {
    @Test("A line of /proc/PID/stat is read by its places, whatever the program is called")
    func fields() throws {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 111 22 13 14 15 16 17 18 987654 20480000 345 18446744073709551615 1"
        for name in ["roundhouse", "a b", "x) S 9 9 (y", ""] {
            let fields = try #require(ProcessReader.StatFields("4711 (\(name)) \(rest)"))
            #expect(fields.cpuTicks == 133 && fields.startTicks == 987_654)
            #expect(fields.virtualBytes == 20_480_000 && fields.residentPages == 345)
        }
    }

    @Test("A line that is cut or no line at all is nothing", arguments: ["", "1 (x) S 1 2", "no parentheses"])
    func damage(line: String) {
        #expect(ProcessReader.StatFields(line) == nil)
    }

    @Test("The kernel's start is found among the lines of the processors")
    func boot() {
        #expect(ProcessReader.bootSeconds("cpu  1 2\nintr 5\nbtime 1767571200\nprocesses 9\n") == 1_767_571_200)
        #expect(ProcessReader.bootSeconds("cpu 1 2\n") == nil)
    }

    @Test("This process has memory, files and a start in the past")
    func own() throws {
        let reader = ProcessReader()
        let reading = try #require(reader.read())
        #expect(reading.cpuSeconds > 0 && reading.residentBytes > 1 << 20)
        #expect(reading.virtualBytes > reading.residentBytes)
        #expect(reading.openFiles >= 3 && reading.openFiles <= reading.mostFiles ?? .max)
        let start = try #require(reading.startSeconds)
        let now = Double(time(nil))
        #expect(start < now + 2 && start > now - 86_400)
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(try #require(reader.read()).openFiles >= 3)
    }
}
