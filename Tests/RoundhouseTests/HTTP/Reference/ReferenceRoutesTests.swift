import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct ReferenceRoutesTests {
    @Test func `The document and the page are served, and kept by who has them`() async throws {
        try await HTTPPort.with([ReferenceRoutes(version: "1.2.3")]) { http in
            for (path, type) in [("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")] {
                let answer = try await http.ask(path)
                #expect(answer.status == 200 && answer.headers["content-type"] == type)
                #expect(answer.headers["cache-control"] == "no-cache")
                let tag = try #require(answer.headers["etag"])
                for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
                    let again = try await http.ask(path, headers: ["If-None-Match: \(known)"])
                    #expect(again.status == 304 && again.body.isEmpty, "\(known)")
                    #expect(again.headers["etag"] == tag)
                }
                #expect(try await http.ask(path, headers: ["If-None-Match: \"x\""]).body == answer.body)
            }
        }
    }

    @Test func `Both are written once, by the first who asks`() async throws {
        let count = Mutex(0)
        let routes = ReferenceRoutes {
            count.withLock { $0 += 1 }
            return APIReference(title: "A title", version: "1", text: "")
        }
        try await HTTPPort.with([routes]) { http in
            #expect(count.withLock { $0 } == 0)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<8 {
                    group.addTask { try await http.ask(number.isMultiple(of: 2) ? "/docs" : "/openapi.json").status }
                }
                for try await status in group { #expect(status == 200) }
            }
            #expect(count.withLock { $0 } == 1)
        }
    }

    @Test func `A reference that cannot be made is the server's fault, and told as such`() async throws {
        struct Failure: Error {}
        try await HTTPPort.with([ReferenceRoutes { throw Failure() }]) { http in
            let answer = try await http.ask("/openapi.json")
            #expect(answer.status == 500 && answer.body.contains("fault of the server"))
            #expect(try await http.ask("/docs").status == 500)
        }
    }
}
