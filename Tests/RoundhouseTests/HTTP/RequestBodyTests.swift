import NIOCore
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct RequestBodyTests {
    private struct Echo: HTTPRoutes {
        var limits = BodyLimits(bytes: 64, time: .seconds(60))

        var routes: [HTTPRoute] {
            [
                .post("/echo", "echoes") { request, context in
                    .text(String(buffer: try await request.wholeBody(context, within: limits)))
                },
                .post("/json", "echoes what is JSON") { request, context in
                    try request.requireJSON()
                    return .text(String(buffer: try await request.wholeBody(context, within: limits)))
                },
            ]
        }
    }

    private static let longest = String(repeating: "x", count: 64)

    @Test func `A body of the limit is taken, also in pieces, and the connection goes on`() async throws {
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            #expect(try await connection.ask("/echo", method: "POST", body: Self.longest)?.body == Self.longest)
            try connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
            try connection.send("cde")
            #expect(await connection.answer()?.body == "abcde")
            try connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try connection.send("2\r\nde\r\n0\r\n\r\n")
            #expect(await connection.answer()?.body == "abcde")
            try connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            #expect(await connection.answer()?.body == "")
            #expect(try await connection.ask("/echo", method: "POST", body: "again")?.body == "again")
        }
    }

    /// Nothing but the head is sent, so nothing but the head can have been read.
    @Test func `A body that is declared to be too long is refused before it is read`() async throws {
        try await HTTPPort.with([Echo()]) { http in
            for headers in ["Content-Length: 65", "Content-Length: 1073741824\r\nExpect: 100-continue"] {
                let connection = try http.connect()
                try connection.send("POST /echo HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\r\n")
                let answer = try #require(await connection.rest())
                #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
                #expect(answer.contains("64 bytes are the most") && answer.lowercased().contains("connection: close"))
            }
        }
    }

    @Test func `A body that turns out to be too long is given up at the limit`() async throws {
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            let chunk = "20\r\n" + String(repeating: "x", count: 32) + "\r\n"
            try connection.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "1\r\nx\r\n")
            let answer = try #require(await connection.rest())
            #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
        }
    }

    @Test func `A body that drips is given up after its time`() async throws {
        try await HTTPPort.with([Echo(limits: BodyLimits(bytes: 64, time: .milliseconds(200)))]) { http in
            for headers in [
                "Content-Length: 60", "Transfer-Encoding: chunked", "Content-Length: 60\r\nExpect: 100-continue",
            ] {
                let connection = try http.connect()
                let begin = headers.contains("chunked") ? "1\r\nx\r\n" : "x"
                try connection.send("POST /echo HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\r\n\(begin)")
                let answer = try #require(await connection.rest())
                #expect(answer.contains("HTTP/1.1 408 "), "\(answer)")
                #expect(answer.contains("http.body_timeout") && answer.lowercased().contains("connection: close"))
            }
        }
    }

    @Test func `A client that waits to be asked for its body is asked`() async throws {
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            for _ in 0..<2 {
                try connection.send(
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
                let interim = try #require(await connection.receive(within: .seconds(30)))
                #expect(String(decoding: interim, as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
                try connection.send("hello")
                let answer = try #require(await connection.answer())
                #expect(answer.status == 200 && answer.body == "hello")
            }
        }
    }

    @Test func `Broken chunks are an error of the client`() async throws {
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            try connection.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
            #expect(try #require(await connection.rest()).hasPrefix("HTTP/1.1 400 "))
            #expect(try await http.ask("/echo", method: "POST", body: "well").body == "well")
        }
    }

    @Test(arguments: [
        ("application/json", 200), ("Application/JSON; charset=utf-8", 200), ("application/json ;x=y", 200),
        ("application/merge-patch+json", 200), ("text/plain", 415), ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415), ("", 415),
    ])
    func `Only what is declared to be JSON is read as such`(_ type: String, _ status: Int) async throws {
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            let headers = type.isEmpty ? [] : ["Content-Type: \(type)"]
            let answer = try #require(try await connection.ask("/json", method: "POST", headers: headers, body: "{}"))
            #expect(answer.status == status)
            // What was not read cannot be read as the next request.
            #expect((answer.headers["connection"] == "close") == (status == 415))
        }
    }
}
