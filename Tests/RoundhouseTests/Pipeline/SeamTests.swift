import Testing

@testable import Roundhouse

@Suite("Where a continuation is joined to what was sent")
struct SeamTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var sent: String
        var continuation: String
        var whole: String
        var testDescription: String { self.name }
    }

    @Test(
        "Nothing is said twice and nothing is lost, wherever the continuation is split",
        arguments: [
            Case(
                name: "only what follows", sent: "The capital of France is", continuation: " Paris.",
                whole: "The capital of France is Paris."),
            Case(
                name: "the whole beginning again", sent: "The capital of France is",
                continuation: "The capital of France is Paris.", whole: "The capital of France is Paris."),
            Case(
                name: "the last words again", sent: "The capital of France is",
                continuation: "of France is Paris.", whole: "The capital of France is Paris."),
            Case(
                name: "a short word again is meant", sent: "I know that", continuation: " that is so.",
                whole: "I know that that is so."),
            Case(
                name: "a text that repeats itself", sent: "Zeros: 0, 0, 0, 0, 0, 0, ",
                continuation: "0, 0, 0, 0, 0, 0, 1", whole: "Zeros: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1"),
            Case(
                name: "a short beginning again", sent: "The", continuation: "The capital is Paris.",
                whole: "The capital is Paris."),
            Case(
                name: "white space that was cut off before", sent: "One.\n\n", continuation: "\n\nTwo.",
                whole: "One.\n\nTwo."),
            Case(
                name: "the beginning of the whole, then something else", sent: "The capital of France is",
                continuation: "The capital is Paris.", whole: "The capital of France isThe capital is Paris."),
            Case(name: "nothing more", sent: "All of it is here.", continuation: "", whole: "All of it is here."),
            Case(
                name: "the whole beginning and nothing more", sent: "All of it is here.",
                continuation: "All of it is here.", whole: "All of it is here."),
            Case(name: "nothing was sent", sent: "", continuation: "All of it.", whole: "All of it."),
            Case(
                name: "letters of several bytes", sent: "Größe und Länge: ", continuation: "und Länge: 3 m²",
                whole: "Größe und Länge: 3 m²"),
        ])
    func joining(_ example: Case) {
        let characters = Array(example.continuation)
        for split in 0...characters.count {
            var seam = Seam(after: example.sent)
            var whole = example.sent
            whole += seam.take(String(characters[..<split]))
            whole += seam.take(String(characters[split...]))
            whole += seam.finish()
            #expect(whole == example.whole, "split at \(split)")
        }
        var seam = Seam(after: example.sent)
        var whole = example.sent
        for character in characters { whole += seam.take(String(character)) }
        #expect(whole + seam.finish() == example.whole, "a character at a time")
    }

    @Test("A continuation that shares nothing with the end is passed on at once")
    func noDelay() {
        var seam = Seam(after: "The capital of France is")
        #expect(seam.take(" Xylophone") == " Xylophone")
        #expect(seam.isClosed)
        #expect(seam.take("The capital of France is") == "The capital of France is")
    }
}
