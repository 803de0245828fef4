import Inference
import Testing

@testable import Persistence

@Suite("Request buffer")
struct RequestBufferTests {
    @Test("It says what to do: start the clock at the first, write at a full batch, refuse at the end")
    func actions() {
        var buffer = RequestBuffer(capacity: 5, batchSize: 3)
        let actions = (1...7).map { buffer.append(.plain("r\($0)")) }
        #expect(actions == [.startClock, .nothing, .write, .nothing, .nothing, .refused, .refused])
        #expect(buffer.takeDropped() == 2)
        #expect(buffer.takeDropped() == 0)
    }

    @Test("A batch of one is written at once")
    func batchOfOne() {
        var buffer = RequestBuffer(capacity: 5, batchSize: 1)
        #expect(buffer.append(.plain("r1")) == .write)
    }

    @Test("Records that are being written count, and go back in front when they were not")
    func putBack() {
        var buffer = RequestBuffer(capacity: 4, batchSize: 9)
        for index in 1...3 { _ = buffer.append(.plain("r\(index)")) }
        let batch = buffer.take(limit: 2)
        #expect(batch.map(\.id) == ["r1", "r2"])
        #expect(buffer.append(.plain("r4")) == .nothing)
        #expect(buffer.append(.plain("r5")) == .refused)
        buffer.putBack(batch)
        #expect(buffer.count == 4)
        let all = buffer.take(limit: 9)
        #expect(all.map(\.id) == ["r1", "r2", "r3", "r4"])
        buffer.written(4)
        #expect(buffer.count == 0)
        #expect(buffer.append(.plain("r6")) == .startClock)
    }

    @Test("After it was closed it refuses")
    func closed() {
        var buffer = RequestBuffer(capacity: 4, batchSize: 9)
        buffer.close()
        #expect(buffer.append(.plain("r1")) == .refused)
    }
}
