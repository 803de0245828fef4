// One operation of the page.
extension ReferenceHTML {
    func write(_ operation: APIReference.Operation, to page: inout HTMLText) {
        page.element("article", ["id": operation.id, "data-find": operation.searchText]) { page in
            page.element("h3") { page in
                page.element("a", ["href": "#\(operation.id)"]) { page in
                    Self.writeMethod(of: operation, to: &page)
                    page.element("code") { Self.write(path: operation.path, to: &$0) }
                }
            }
            page.paragraphs(operation.text)
            if let rpc = operation.rpc {
                page.element("p", ["class": "rpc"]) { page in
                    page.text("gRPC: ")
                    page.element("code", text: rpc)
                }
            }
            self.writeParameters(of: operation, to: &page)
            self.writeBody(of: operation, to: &page)
            page.element("h4", text: "Try it")
            page.element("pre", ["class": "curl"]) { $0.element("code") { Self.write(CurlLine(operation), to: &$0) } }
            self.writeAnswers(of: operation, to: &page)
        }
    }

    /// Its variables stand out.
    private static func write(path: String, to page: inout HTMLText) {
        var rest = path[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            page.text(String(rest[..<open]))
            page.element("i", text: String(rest[open...close]))
            rest = rest[rest.index(after: close)...]
        }
        page.text(String(rest))
    }

    /// The script puts the address that the page came from in the place of the usual one.
    private static func write(_ line: CurlLine, to page: inout HTMLText) {
        page.text(line.command)
        page.element("span", ["class": "origin"], text: CurlLine.origin)
        page.text(line.rest)
    }

    private func writeParameters(of operation: APIReference.Operation, to page: inout HTMLText) {
        guard !operation.parameters.isEmpty else { return }
        page.element("h4", text: "Parameters")
        self.writeRows(to: &page) { page in
            for parameter in operation.parameters {
                let place = parameter.place == .path ? "path" : "query"
                self.writeRow(
                    parameter.name, parameter.schema, isRequired: parameter.isRequired, note: place, to: &page)
            }
        }
    }

    private func writeBody(of operation: APIReference.Operation, to page: inout HTMLText) {
        guard let body = operation.body else { return }
        page.element("h4") { page in
            page.text("Body: ")
            self.writeType(body.schema, to: &page)
            if !body.isRequired { page.text(", may be left out") }
        }
        page.paragraphs(body.schema.text)
        // Another route takes what the first one does, and says so.
        guard operation.isAnotherRouteOf == nil else { return }
        if let object = self.object(of: body.schema), !object.properties.isEmpty { self.write(object, to: &page) }
    }

    private func writeAnswers(of operation: APIReference.Operation, to page: inout HTMLText) {
        page.element("h4", text: "Answers")
        page.element("dl", ["class": "answers"]) { page in
            for answer in operation.answers {
                page.element("dt", text: answer.status)
                page.element("dd") { page in
                    page.paragraphs(answer.text)
                    page.element("p") { page in
                        for (index, content) in answer.contents.enumerated() {
                            if index > 0 { page.text(", ") }
                            page.element("code", text: content.mediaType)
                            page.text(" ")
                            if content.mediaType == "application/json" { self.writeType(content.schema, to: &page) }
                        }
                    }
                    for header in answer.headers {
                        page.element("p") { page in
                            page.element("code", text: header.name)
                            page.text(": ")
                            page.prose(header.schema.text.summary)
                        }
                    }
                }
            }
            for (name, statuses) in operation.statusesByFailure {
                page.element("dt", text: statuses.map { $0 == "default" ? "else" : $0 }.joined(separator: ", "))
                page.element("dd") { page in
                    let known = self.reference.failures.first { $0.name == name }
                    page.element("p") { page in
                        page.prose(known?.text.summary ?? "")
                        page.text(": ")
                        if let schema = known?.schema { self.writeType(schema, to: &page) }
                    }
                }
            }
        }
    }
}

extension APIReference.Operation {
    /// In the order of the first status of each.
    fileprivate var statusesByFailure: [(name: String, statuses: [String])] {
        var found: [(name: String, statuses: [String])] = []
        for failure in self.failures {
            if let index = found.firstIndex(where: { $0.name == failure.name }) {
                found[index].statuses.append(failure.status)
            } else {
                found.append((failure.name, [failure.status]))
            }
        }
        return found
    }
}

/// An operation as a command to copy.
struct CurlLine {
    static let origin = "http://localhost:8080"

    /// What a shell takes as it stands.
    private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:.-_".utf8)

    /// What stands before the address, and what behind it.
    private(set) var command = "curl -s"
    private(set) var rest = ""

    init(_ operation: APIReference.Operation) {
        let isStream = operation.answers.contains { answer in
            answer.contents.contains { $0.mediaType == "application/x-ndjson" }
        }
        if isStream { self.command += "N" }
        // Of itself it sends GET, and POST when there are data.
        let method = operation.method.rawValue.uppercased()
        let isSaid = operation.method == .get || (operation.method == .post && operation.body != nil)
        if !isSaid { self.command += " -X \(method)" }
        let path = Self.path(of: operation)
        let isPlain = path.utf8.allSatisfy { Self.plain.contains($0) }
        self.command += isPlain ? " " : " '"
        self.rest = isPlain ? path : "\(path)'"
        if isStream { self.rest += " \\\n  -H 'Accept: text/event-stream'" }
        guard operation.body != nil else { return }
        self.rest +=
            " \\\n  -H 'Content-Type: application/json' \\\n  -d \(Self.quoted(operation.body?.example ?? [:]))"
    }

    private static func path(of operation: APIReference.Operation) -> String {
        var path = operation.path
        for parameter in operation.parameters where parameter.place == .path {
            guard case .string(let example) = parameter.example else { continue }
            path = path.split(separator: "{\(parameter.name)}", omittingEmptySubsequences: false)
                .joined(separator: example)
        }
        let query = operation.parameters.filter { $0.place == .query && $0.isRequired }.compactMap { parameter in
            parameter.example.map { "\(parameter.name)=\($0.text(indented: false))" }
        }
        return query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))"
    }

    /// For a shell.
    private static func quoted(_ json: OrderedJSON) -> String {
        let line = json.text(indented: false)
        let text = line.utf8.count > 72 ? json.text(indented: true) : line
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
