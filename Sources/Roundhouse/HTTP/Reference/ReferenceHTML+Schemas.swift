// Schemas: as sections of their own, and as rows of tables.
extension ReferenceHTML {
    func writeSchemas(to page: inout HTMLText) {
        page.element("section", ["id": "schemas"]) { page in
            page.element("h2", text: "Schemas")
            for component in self.reference.components {
                page.element(
                    "article", ["id": "schema-\(component.name)", "data-find": component.name.lowercased()]
                ) { page in
                    page.element("h3") { page in
                        page.element("a", ["href": "#schema-\(component.name)"]) {
                            $0.element("code", text: component.name)
                        }
                    }
                    page.paragraphs(component.schema.text)
                    self.writeInside(component.schema, to: &page)
                }
            }
        }
    }

    private func writeInside(_ schema: APISchema, to page: inout HTMLText) {
        switch schema.form {
        case .object(let object):
            if object.properties.isEmpty {
                page.element("p", ["class": "note"], text: "An empty object.")
            } else {
                self.write(object, to: &page)
            }
        case .choice(let choices):
            self.writeRows(to: &page) { page in
                for choice in choices {
                    page.element("tr") { page in
                        page.element("th") { $0.element("code", text: choice.value) }
                        page.element("td") { $0.paragraphs(choice.text) }
                    }
                }
            }
        default: page.element("p") { self.writeType(schema, to: &$0) }
        }
    }

    func write(_ object: APISchema.Object, to page: inout HTMLText) {
        self.writeRows(to: &page) { page in
            for property in object.properties {
                let alternative = object.alternatives.first { $0.names.contains(property.name) }
                let others = alternative.map { $0.names.filter { $0 != property.name } } ?? []
                self.writeRow(
                    property.name, property.schema, isRequired: property.isRequired,
                    note: others.isEmpty ? "" : "not with \(others.joined(separator: ", "))", to: &page)
            }
        }
    }

    func writeRows(to page: inout HTMLText, _ rows: (inout HTMLText) -> Void) {
        page.element("div", ["class": "rows"]) { $0.element("table") { $0.element("tbody") { rows(&$0) } } }
    }

    func writeRow(
        _ name: String, _ schema: APISchema, isRequired: Bool, note: String, to page: inout HTMLText
    ) {
        page.element("tr") { page in
            page.element("th") { page in
                page.element("code", text: name)
                if isRequired { page.element("em", text: "required") }
                if schema.isDeprecated { page.element("em", text: "deprecated") }
                if !note.isEmpty { page.element("small", text: note) }
            }
            page.element("td") { page in
                page.element("p", ["class": "type"]) { self.writeType(schema, to: &$0) }
                page.paragraphs(schema.text)
                if let example = schema.example {
                    page.element("p", ["class": "example"]) { page in
                        page.text("Example: ")
                        page.element("code", text: example.text(indented: false))
                    }
                }
                if case .object(let object) = schema.form, !object.properties.isEmpty { self.write(object, to: &page) }
            }
        }
    }

    /// The object that a schema is or refers to.
    func object(of schema: APISchema) -> APISchema.Object? {
        switch schema.form {
        case .object(let object): object
        case .reference(let name): self.schemas[name].flatMap(self.object)
        default: nil
        }
    }

    /// In a few words: `array of Model`, `integer, 0 to 1000`.
    func writeType(_ schema: APISchema, to page: inout HTMLText) {
        switch schema.form {
        case .anything: page.text("any value")
        case .null: page.text("null")
        case .boolean: page.text("boolean")
        case .reference(let name): page.element("a", ["href": "#schema-\(name)"], text: name)
        case .string(let limits): Self.write(limits, to: &page)
        case .integer(let limits): Self.write(limits, as: limits.format ?? "integer", to: &page)
        case .number(let limits): Self.write(limits, as: "number", to: &page)
        case .choice(let choices):
            for (index, choice) in choices.enumerated() {
                if index > 0 { page.text(" or ") }
                page.element("code", text: "\"\(choice.value)\"")
            }
        case .array(let element, let limits):
            page.text("array of ")
            self.writeType(element, to: &page)
            Self.write(least: limits.least.map(String.init), most: limits.most.map(String.init), to: &page)
        case .dictionary(let value):
            page.text("object of ")
            self.writeType(value, to: &page)
        case .object: page.text("object")
        case .either(let schemas):
            for (index, schema) in schemas.enumerated() {
                if index > 0 { page.text(" or ") }
                self.writeType(schema, to: &page)
            }
        }
        if schema.isNullable { page.text(" or null") }
    }

    private static func write(_ limits: APISchema.StringLimits, to page: inout HTMLText) {
        page.text("string")
        if let format = limits.format { page.text(", \(format == "byte" ? "Base64" : format)") }
        if let pattern = limits.pattern {
            page.text(", ")
            page.element("code", text: pattern)
        }
        if limits.shortest == 1, limits.longest == nil { return page.text(", not empty") }
        let least = limits.shortest.map { "\($0)" }
        let most = limits.longest.map { "\($0)" }
        self.write(least: least, most: most, unit: " characters", to: &page)
    }

    private static func write(_ limits: APISchema.NumberLimits, as name: String, to page: inout HTMLText) {
        page.text(name)
        if let above = limits.above { page.text(", above \(above.text(indented: false))") }
        self.write(
            least: limits.least?.text(indented: false), most: limits.most?.text(indented: false), to: &page)
    }

    private static func write(least: String?, most: String?, unit: String = "", to page: inout HTMLText) {
        switch (least, most) {
        case (let least?, let most?): page.text(least == most ? ", \(least)\(unit)" : ", \(least) to \(most)\(unit)")
        case (let least?, nil): page.text(", at least \(least)\(unit)")
        case (nil, let most?): page.text(", at most \(most)\(unit)")
        case (nil, nil): break
        }
    }
}
