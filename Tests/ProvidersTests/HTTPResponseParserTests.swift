import Inference
import Testing

@testable import Providers

@Suite struct HTTPResponseParserTests {
    struct Response: Hashable {
        var status = 0
        var body = ""
        var keepsAlive = true
        var isComplete = false
    }

    /// Reads all of `portions`, then the end of the connection.
    static func read(_ portions: [ArraySlice<UInt8>]) throws(UpstreamFault) -> [Response] {
        var parser = HTTPResponseParser()
        var responses: [Response] = []
        var body: [UInt8] = []
        for portion in portions {
            let bytes = Array(portion)
            var position = 0
            reading: while true {
                switch try parser.step(bytes.span, &position) {
                case .needMore: break reading
                case .head: responses.append(Response(status: parser.head.status))
                case .body(let range): body += bytes[range]
                case .end:
                    responses[responses.count - 1].body = String(decoding: body, as: UTF8.self)
                    responses[responses.count - 1].keepsAlive = parser.keepsAlive
                    responses[responses.count - 1].isComplete = true
                    body = []
                    if position == bytes.count { break reading }
                }
            }
        }
        if parser.endsWithConnection {
            responses[responses.count - 1].body = String(decoding: body, as: UTF8.self)
            responses[responses.count - 1].keepsAlive = parser.keepsAlive
            responses[responses.count - 1].isComplete = true
        }
        return responses
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let responses: @Sendable () -> [Response]
        var testDescription: String { self.what }
    }

    static let cases: [Case] = [
        Case(what: "a length", text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") {
            [Response(status: 200, body: "hello", isComplete: true)]
        },
        Case(what: "no body", text: "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\nHTTP/1.1 204 \r\n\r\n") {
            [Response(status: 200, isComplete: true), Response(status: 204, isComplete: true)]
        },
        Case(
            what: "chunks, with extension and trailer",
            text:
                "HTTP/1.1 200\r\nTransfer-Encoding:  Chunked \r\n\r\n5;a=b\r\nhello\r\nA\r\n, world!!!\r\n0\r\nx: y\r\n\r\n"
        ) { [Response(status: 200, body: "hello, world!!!", isComplete: true)] },
        Case(what: "until the close", text: "HTTP/1.1 200 OK\r\n\r\nhello") {
            [Response(status: 200, body: "hello", keepsAlive: false, isComplete: true)]
        },
        Case(
            what: "interim responses",
            text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ) { [Response(status: 200, body: "ok", isComplete: true)] },
        Case(what: "line feeds alone", text: "HTTP/1.1 200 OK\ncontent-length: 2\n\nok") {
            [Response(status: 200, body: "ok", isComplete: true)]
        },
        Case(what: "asked to close", text: "HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 2\r\n\r\nok") {
            [Response(status: 200, body: "ok", keepsAlive: false, isComplete: true)]
        },
        Case(what: "HTTP/1.0", text: "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok") {
            [Response(status: 200, body: "ok", keepsAlive: false, isComplete: true)]
        },
        Case(
            what: "both framings",
            text: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        ) { [Response(status: 200, body: "ok", keepsAlive: false, isComplete: true)] },
        Case(what: "the same length twice", text: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok")
        {
            [Response(status: 200, body: "ok", isComplete: true)]
        },
        Case(what: "a length that is not reached", text: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok") {
            [Response(status: 200)]
        },
        Case(what: "chunks that do not end", text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n") {
            [Response(status: 200)]
        },
    ]

    @Test(arguments: cases)
    func `Responses are the same wherever the bytes are split`(_ example: Case) throws {
        let bytes = Array(example.text.utf8)
        let expected = example.responses()
        #expect(try Self.read([bytes[...]]) == expected)
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }) == expected, "byte by byte")
        for place in 0...bytes.count {
            #expect(try Self.read([bytes[..<place], bytes[place...]]) == expected, "split at \(place)")
        }
    }

    @Test(arguments: [
        "hello\r\n", "HTTP/2 200 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 20x OK\r\n", "HTTP/1.1 099 X\r\n",
        "HTTP/1.1 101 Switching\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\n: x\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\(String(repeating: "x: y\r\n", count: 20_000))\r\n", String(repeating: "x", count: 70_000),
    ])
    func `What is no HTTP is a fault, not a guess`(_ text: String) {
        let error = #expect(throws: UpstreamFault.self) { try Self.read([Array(text.utf8)[...]]) }
        #expect(error?.kind == .malformed)
    }

    @Test func `The fields that matter are read`() throws {
        let text = """
            HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nretry-after-ms: 2500\r\nLOCATION: /x\r\nX-Request-ID: r-1\r
            Content-Type: Application/JSON; charset=utf-8\r\nKeep-Alive: timeout=5, max=100\r\ncontent-length: 0\r\n\r\n
            """
        var parser = HTTPResponseParser()
        var position = 0
        let bytes = Array(text.utf8)
        #expect(try parser.step(bytes.span, &position) == .head)
        #expect(parser.head.retryAfter == "3")
        #expect(parser.head.retryAfterMilliseconds == "2500")
        #expect(parser.head.location == "/x")
        #expect(parser.head.requestID == "r-1")
        #expect(parser.head.mediaType == .json)
        #expect(parser.keepAliveSeconds == 5)
    }

    @Test func `A connection that says it was its last request is not kept`() throws {
        let text = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=0\r\ncontent-length: 0\r\n\r\n"
        #expect(try Self.read([Array(text.utf8)[...]]).first?.keepsAlive == false)
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 11)
        let seeds = Self.cases.map { Array($0.text.utf8) }
        for round in 0..<3000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<(1 + random.next() % 3) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            let split = Int(random.next() % UInt64(bytes.count))
            let whole = try? Self.read([bytes[...]])
            let parts = try? Self.read([bytes[..<split], bytes[split...]])
            #expect(whole == parts)
        }
    }
}
