import Inference
import Testing

@testable import ModelLifecycle

@Suite("Event filter")
struct EventFilterTests {
    @Test("admits everything when it is empty, and what it names otherwise")
    func admits() throws {
        let model = try #require(ModelID("local/tiny"))
        var filter = EventFilter()
        #expect(filter.admits(GatewayEvent(.modelLoaded, model: model)))
        filter.model = model
        filter.kinds = [.modelLoaded]
        #expect(filter.admits(GatewayEvent(.modelLoaded, model: model)))
        #expect(!filter.admits(GatewayEvent(.modelLoading, model: model)))
        #expect(!filter.admits(GatewayEvent(.modelLoaded)))
    }
}
