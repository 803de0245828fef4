internal import FoundationEssentials
internal import LocalEngines

/// The reference as one page that needs nothing else: no other file, no network, and no script to be read.
struct ReferenceHTML {
    let reference: APIReference
    let schemas: [String: APISchema]

    init(_ reference: APIReference) {
        self.reference = reference
        self.schemas = Dictionary(reference.components.map { ($0.name, $0.schema) }) { first, _ in first }
    }

    /// Nothing is loaded, and no style or script runs but the page's own, known by their digests.
    static let policy = """
        default-src 'none'; style-src '\(digest(of: ReferenceStyle.css))'; \
        script-src '\(digest(of: ReferenceStyle.script))'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private static func digest(of text: String) -> String {
        var digest = SHA256()
        digest.update(Array(text.utf8))
        return "sha256-\(Data(digest.finish()).base64EncodedString())"
    }

    var text: String {
        var page = HTMLText()
        page.markup("<!DOCTYPE html>\n")
        page.element("html", ["lang": "en"]) { page in
            page.element("head") { self.writeHead(to: &$0) }
            page.element("body") { page in
                page.element("nav", ["aria-label": "Contents"]) { self.writeContents(to: &$0) }
                page.element("main") { page in
                    self.writeIntroduction(to: &page)
                    for group in self.reference.groups { self.write(group, to: &page) }
                    self.writeSchemas(to: &page)
                }
                page.element("script") { $0.markup(ReferenceStyle.scriptMarkup) }
            }
        }
        page.markup("\n")
        return page.html
    }

    private func writeHead(to page: inout HTMLText) {
        page.void("meta", ["charset": "utf-8"])
        page.void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
        page.void("meta", ["name": "color-scheme", "content": "light dark"])
        page.element("title", text: "\(self.reference.title) API reference")
        // Or the browser would ask for one.
        page.void("link", ["rel": "icon", "href": "data:,"])
        page.element("style") { $0.markup(ReferenceStyle.cssMarkup) }
    }

    private func writeContents(to page: inout HTMLText) {
        page.element("a", ["class": "title", "href": "#top"]) { page in
            page.text(self.reference.title)
            page.element("small", text: self.reference.version)
        }
        page.element("label", ["class": "search", "hidden": ""]) { page in
            page.markup("<input type=search placeholder=\"Filter (press /)\" aria-label=\"Filter\" autocomplete=off>")
        }
        for group in self.reference.groups {
            page.element("details", ["open": ""]) { page in
                page.element("summary", text: group.name)
                page.element("ul") { page in
                    for operation in self.operations(of: group) {
                        page.element("li", ["data-find": operation.searchText]) { page in
                            page.element("a", ["href": "#\(operation.id)"]) { page in
                                Self.writeMethod(of: operation, to: &page)
                                page.element("span", text: operation.path)
                            }
                        }
                    }
                }
            }
        }
        page.element("p") { $0.element("a", ["href": "#schemas"], text: "Schemas") }
    }

    private func writeIntroduction(to page: inout HTMLText) {
        page.element("header", ["id": "top"]) { page in
            page.element("h1", text: "\(self.reference.title) API reference")
            page.paragraphs(self.reference.text)
            page.element("p") { page in
                page.text("For machines: ")
                page.element("a", ["href": "openapi.json"], text: "openapi.json")
                page.text(" (OpenAPI 3.1).")
            }
        }
    }

    private func write(_ group: APIReference.Group, to page: inout HTMLText) {
        page.element("section") { page in
            page.element("h2", ["id": "group-\(group.name)"], text: group.name)
            page.paragraphs(group.text)
            for operation in self.operations(of: group) { self.write(operation, to: &page) }
        }
    }

    private func operations(of group: APIReference.Group) -> [APIReference.Operation] {
        self.reference.operations.filter { $0.group == group.name }
    }

    static func writeMethod(of operation: APIReference.Operation, to page: inout HTMLText) {
        page.element("b", ["class": operation.method.rawValue], text: operation.method.rawValue.uppercased())
    }
}

extension APIReference.Operation {
    /// What the filter looks through.
    var searchText: String { "\(self.method.rawValue) \(self.path) \(self.id) \(self.summary)".lowercased() }
}
