import Foundation
import Testing

@testable import Roundhouse

@Suite("Request ids")
struct RequestIDTests {
    @Test("Ids are UUIDs of version 4 and never the same twice")
    func unique() throws {
        let ids = (0..<10_000).map { _ in RequestID.make() }
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(UUID(uuidString: id)?.uuidString.lowercased() == id)
            #expect(Array(id)[14] == "4")
            #expect("89ab".contains(Array(id)[19]))
        }
    }
}
