import GRPCTransport
import Testing

@Suite("Bytes")
struct BytesTests {
    @Test("bytes hold what they were made of, small and large", arguments: [0, 1, 23, 24, 100, 100_000])
    func roundTrip(count: Int) {
        let array = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = Bytes(array)
        #expect(bytes.count == count)
        #expect(unsafe bytes.withUnsafeBytes { unsafe Array($0) } == array)
        #expect(bytes == Bytes(array.lazy.map { $0 }))
        #expect(Bytes(repeating: 9, count: count) == Bytes(Array(repeating: 9, count: count)))
    }

    @Test("a copy does not see what is done to the other", arguments: [5, 5000])
    func valueSemantics(count: Int) {
        var first = Bytes(repeating: 1, count: count)
        let second = first
        unsafe first.withUnsafeMutableBytes { unsafe $0[0] = 2 }
        #expect(unsafe first.withUnsafeBytes { unsafe $0[0] } == 2)
        #expect(unsafe second.withUnsafeBytes { unsafe $0[0] } == 1)
        #expect(first != second)
        #expect(Set([first, second, first]).count == 2)
    }
}

@Suite("Addresses")
struct AddressTests {
    @Test(
        "an address reads as it is written",
        arguments: [
            ("127.0.0.1:50051", Address.hostPort(host: "127.0.0.1", port: 50051)),
            ("[::1]:0", .hostPort(host: "::1", port: 0)),
            ("localhost:1", .hostPort(host: "localhost", port: 1)),
            ("unix:/tmp/a", .unixDomainSocket(path: "/tmp/a")),
            ("unix:b", .unixDomainSocket(path: "b")),
        ])
    func parsing(text: String, address: Address) throws {
        #expect(try Address(parsing: text) == address)
        #expect(address.description == text)
    }

    @Test("unix: with three slashes is the same path")
    func slashes() throws {
        #expect(try Address(parsing: "unix:///tmp/a") == .unixDomainSocket(path: "/tmp/a"))
    }

    @Test(
        "what is no address is refused with the reason",
        arguments: ["", "host", ":1", "h:65536", "h:-1", "::1:5", "unix:", "h:x"])
    func refusal(text: String) {
        #expect(throws: AddressError.self) { try Address(parsing: text) }
    }

    @Test("loopback and UNIX sockets are local, others are not")
    func local() {
        #expect(Address.hostPort(host: "127.0.0.1", port: 1).isLocal)
        #expect(Address.unixDomainSocket(path: "/x").isLocal)
        #expect(!Address.hostPort(host: "0.0.0.0", port: 1).isLocal)
    }
}
