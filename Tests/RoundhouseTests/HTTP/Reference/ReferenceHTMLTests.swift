import Testing

@testable import Roundhouse

@Suite struct ReferenceHTMLTests {
    @Test func `The page is small, whole and needs nothing else`() throws {
        let reference = try APIReference.roundhouse(version: "1.2.3")
        let page = ReferenceHTML(reference).text
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">") && page.hasSuffix("</html>\n"))
        #expect(page.utf8.count < 700_000)
        // Nothing is fetched.
        for tag in ["<script src", "<link rel=\"stylesheet", "@import", "url(", "<img", "<iframe", "<form"] {
            #expect(!page.contains(tag), "\(tag)")
        }
        for attribute in [" style=", " onclick=", " onload="] { #expect(!page.contains(attribute), "\(attribute)") }
        #expect(Self.unclosed(page).isEmpty)
    }

    @Test func `Every link leads to a place on the page, and every operation has one`() throws {
        let reference = try APIReference.roundhouse(version: "1.2.3")
        let page = ReferenceHTML(reference).text
        let places = Set(Self.values(of: " id", in: page))
        #expect(places.count == Self.values(of: " id", in: page).count)
        for link in Self.values(of: " href", in: page) where link.hasPrefix("#") {
            #expect(places.contains(link.dropFirst()), "\(link)")
        }
        for operation in reference.operations { #expect(places.contains(operation.id[...])) }
        for component in reference.components { #expect(places.contains("schema-\(component.name)")) }
    }

    @Test func `Whatever is said is text, not markup`() {
        let evil = "<script>alert('1')</script>&\"`<b>`"
        let text = ReferenceText([.prose(evil), .code([evil])])
        var reference = APIReference(title: evil, version: evil, text: text)
        reference.groups = [.init(name: evil, text: text)]
        let schema = APISchema(
            form: .choice([.init(value: evil, text: text)]), text: text, example: .string(evil))
        var operation = APIReference.Operation(
            id: evil, method: .post, path: "/{\(evil)}", group: evil, summary: evil, text: text)
        operation.parameters = [
            .init(place: .path, name: evil, schema: schema, isRequired: true, example: .string(evil))
        ]
        operation.body = .init(schema: schema, isRequired: true, example: ["a": .string(evil)])
        operation.answers = [.init(status: "200", text: text, contents: [.init(mediaType: evil, schema: schema)])]
        reference.operations = [operation]
        reference.components = [.init(name: evil, schema: schema)]
        let page = ReferenceHTML(reference).text
        #expect(page.split(separator: "<script>").count == 2, "one is the page's own")
        #expect(!page.contains("alert('1')") && !page.contains("<b>`"))
        #expect(Self.unclosed(page).isEmpty)
    }

    @Test func `A command to copy is what a shell takes`() throws {
        let operations = try APIReference.roundhouse(version: "1").operations
        func line(_ id: String) throws -> String {
            let line = CurlLine(try #require(operations.first { $0.id == id }))
            return "\(line.command)\(CurlLine.origin)\(line.rest)"
        }
        #expect(try line("RegistryService_GetModel") == "curl -s http://localhost:8080/api/v1/models/local/small")
        #expect(
            try line("RegistryService_ListAffordableModels")
                == "curl -s 'http://localhost:8080/api/v1/models/affordable?max_cost_per_token=0.000002'")
        #expect(try line("RegistryService_DeleteProvider").hasPrefix("curl -s -X DELETE http://"))
        let load = try line("LifecycleService_LoadModel")
        #expect(load.hasPrefix("curl -sN http://localhost:8080/api/v1/models/local/small:load"))
        #expect(load.contains("-H 'Accept: text/event-stream'") && load.hasSuffix(#"-d '{"pin":true}'"#))
    }

    /// Elements that are opened and never closed, or the other way round.
    private static func unclosed(_ page: String) -> [Substring] {
        var open: [Substring] = []
        for part in page.split(separator: "<").dropFirst() {
            let name = part.prefix { $0.isLetter || $0.isNumber || $0 == "/" }
            if name.isEmpty || ["meta", "link", "input"].contains(name) { continue }
            if name.first == "/" {
                if open.last == name.dropFirst() { open.removeLast() } else { return open + [name] }
            } else {
                open.append(name)
            }
        }
        return open
    }

    private static func values(of attribute: String, in page: String) -> [Substring] {
        page.split(separator: "\(attribute)=\"").dropFirst().compactMap { $0.split(separator: "\"").first }
    }
}
