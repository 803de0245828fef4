import Foundation
import Testing

@testable import Roundhouse

@Suite("Request ids")
struct RequestIDTests {
    @Test("Ids are UUIDs of version 7 and never the same twice")
    func unique() throws {
        let ids = (0..<10_000).map { _ in RequestID.make() }
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(UUID(uuidString: id)?.uuidString.lowercased() == id)
            #expect(Array(id)[14] == "7")
            #expect("89ab".contains(Array(id)[19]))
        }
    }

    @Test("Ids begin with their time, to the millisecond, and sort by it")
    func times() throws {
        let moments: [Int64] = [0, 999, 1_000, 1_795_795_092_123_456, 1_795_795_092_123_999, 1_795_795_092_124_000]
        let ids = moments.map { RequestID.make(at: WallTime(microsecondsSince1970: $0)) }
        #expect(ids == ids.sorted())
        for (id, moment) in zip(ids, moments) {
            let digits = id.filter { $0 != "-" }.prefix(12)
            #expect(Int64(digits, radix: 16) == moment / 1000)
        }
    }
}
