import Inference
import Testing

@testable import Roundhouse

@Suite("The turns of health scores")
struct HealthScoresTests {
    @Test("All of a few models are computed for each page")
    func few() throws {
        let models = try (0..<10).map { try modelID("p/m\($0)") }
        var scores = HealthScores()
        for page in 1...3 {
            var computed: [ModelID] = []
            scores.next(models) {
                computed.append($0)
                return Double(page)
            }
            #expect(computed == models && models.allSatisfy { scores[$0] == Double(page) })
        }
    }

    @Test("Of many, a page computes no more than its share, those without any first and then the oldest")
    func many() throws {
        let models = try (0..<25).map { try modelID("p/m\($0)") }
        var scores = HealthScores()
        var pages: [[ModelID]] = []
        for _ in 0..<6 {
            var computed: [ModelID] = []
            scores.next(models, most: 10) {
                computed.append($0)
                return 1
            }
            pages.append(computed)
        }
        #expect(pages.allSatisfy { $0.count == 10 })
        #expect(Set(pages[0...2].joined()).count == 25)
        #expect(Set(pages[3...5].joined()).count == 25)
    }

    @Test("Models that are gone are forgotten")
    func gone() throws {
        let models = try (0..<5).map { try modelID("p/m\($0)") }
        var scores = HealthScores()
        scores.next(models) { _ in 50 }
        scores.next(Array(models.prefix(2))) { _ in 60 }
        #expect(models.map { scores[$0] } == [60, 60, nil, nil, nil])
    }
}
