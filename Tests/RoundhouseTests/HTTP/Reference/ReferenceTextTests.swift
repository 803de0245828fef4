import Testing

@testable import Roundhouse

@Suite struct ReferenceTextTests {
    @Test func `A comment is paragraphs and code`() {
        let text = ReferenceText(
            comment: "Lists models,\nall of them:\n  provider = \"a\"\n  free = true\nas it is.\n\nLast.")
        #expect(
            text.paragraphs == [
                .prose("Lists models, all of them:"), .code(["provider = \"a\"", "free = true"]), .prose("as it is."),
                .prose("Last."),
            ])
        #expect(ReferenceText(comment: "").isEmpty)
    }

    @Test(
        arguments: [
            ("Gets one model. NOT_FOUND when there is none.", "Gets one model"),
            ("Costs 0.5 USD. Else more.", "Costs 0.5 USD"),
            ("No stop", "No stop"), ("Whole.", "Whole"), ("Only these:", "Only these"), ("", ""),
        ])
    func `The first sentence sums it up`(comment: String, summary: String) {
        #expect(ReferenceText(comment: comment).summary == summary)
    }

    @Test func `What would be markup elsewhere is not in Markdown`() {
        let text = ReferenceText(comment: "Reads \"<redacted>\" or * for `a<b*`.\n\n  <code>")
        #expect(text.markdown == "Reads \"\\<redacted>\" or \\* for `a<b*`.\n\n```\n<code>\n```")
    }

    @Test func `JSON keeps its order and reads back as it was`() throws {
        let value: OrderedJSON = [
            "z": "a\"\\\n\u{1}é</script>", "a": [1, 0.5, true, nil, 2.0, [], 0.000_002, -0.000_015, 1e300], "e": [:],
            "d": ["k": -1],
        ]
        let line =
            #"{"z":"a\"\\\n\u0001é</script>","a":[1,0.5,true,null,2,[],0.000002,-0.000015,1e+300],"e":{},"d":{"k":-1}}"#
        #expect(value.text(indented: false) == line)
        let read = try JSONText(value.text(indented: true)).root
        #expect(read["z"]?.string == "a\"\\\n\u{1}é</script>")
        #expect(value["d"]?["k"] == -1 && value["none"] == nil)
    }
}
