import Testing

@testable import Roundhouse

@Suite("Path templates")
struct PathTemplateTests {
    @Test(
        "A path matches its template and gives the variables",
        arguments: [
            ("/v1/models", "/v1/models", []),
            ("/v1/models:warmUp", "/v1/models:warmUp", []),
            ("/v1/{alias}", "/v1/fast", ["fast"]),
            ("/v1/{alias}", "/v1/a%20b%2Bc+d", ["a b+c+d"]),
            ("/v1/{alias}:switch", "/v1/fast:switch", ["fast"]),
            ("/v1/{model=**}", "/v1/local/tiny", ["local/tiny"]),
            ("/v1/{model=**}", "/v1/local%2Ftiny", ["local/tiny"]),
            ("/v1/{model=**}", "/v1/ollama/llama3:8b", ["ollama/llama3:8b"]),
            ("/v1/{model=**}:load", "/v1/ollama/llama3:8b:load", ["ollama/llama3:8b"]),
            ("/v1/{model=**}:load", "/v1/ollama%2fllama3%3A8b:load", ["ollama/llama3:8b"]),
            ("/v1/{model=*}/profile", "/v1/local%2Ftiny/profile", ["local/tiny"]),
            ("/v1/{model=*/*}/profile", "/v1/local/tiny/profile", ["local/tiny"]),
            ("/v1/{model.id=**}", "/v1/a/b/c/d", ["a/b/c/d"]),
            ("/v1/{a}/{b=x/*}/c", "/v1/1/x/2/c", ["1", "x/2"]),
            ("/v1/*/{b=**}", "/v1/any/2/3", ["2/3"]),
            ("/v1/a%20b/{c}", "/v1/a%20b/%C3%A9", ["é"]),
            ("/v1/**", "/v1/a/b", []),
        ] as [(String, String, [String])])
    func matching(template: String, path: String, values: [String]) throws {
        let template = try PathTemplate(template)
        #expect(template.match(try #require(RequestPath(path))) == values)
    }

    @Test(
        "Another path does not match",
        arguments: [
            ("/v1/models", "/v1/models/a"), ("/v1/models", "/v1/Models"), ("/v1/models", "/v1"),
            ("/v1/models:warmUp", "/v1/models"), ("/v1/models:warmUp", "/v1/models%3AwarmUp"),
            ("/v1/{alias}", "/v1/a/b"), ("/v1/{model=**}", "/v1"),
            ("/v1/{model=**}:load", "/v1/local/tiny"), ("/v1/{model=**}:load", "/v1/local/tiny%3Aload"),
            ("/v1/{model=**}:load", "/v1/local/:load"), ("/v1/{model=**}:load", "/v1/local/xload"),
            ("/v1/{model=*}/profile", "/v1/local/tiny/profile"), ("/v1/{model=*/*}/profile", "/v1/tiny/profile"),
        ])
    func noMatch(template: String, path: String) throws {
        let template = try PathTemplate(template)
        #expect(template.match(try #require(RequestPath(path))) == nil)
    }

    @Test(
        "A path that nobody can mean is none",
        arguments: ["", "v1", "/", "/v1/", "/v1//a", "//v1", "/v1/%", "/v1/%2", "/v1/%zz", "/v1/%ff", "/v1/%C3"])
    func noPath(path: String) {
        #expect(RequestPath(path) == nil)
    }

    @Test(
        "A template that is none is refused, with the place",
        arguments: [
            ("", 0), ("v1", 0), ("/", 1), ("/v1/", 4), ("/v1//a", 4), ("/{", 2), ("/{}", 2), ("/{a", 3), ("/{a=}", 4),
            ("/{a={b}}", 4), ("/{1}", 2), ("/{a.}", 4), ("/a:", 3), ("/a:b:c", 4), ("/a:b/c", 4), ("/a}b", 2),
            ("/**/a", 5), ("/{a=**}/b", 9), ("/{a}/{a}", 8), ("/%zz", 1), ("/a b", 2), ("/{a=**/b}", 9),
        ])
    func malformed(template: String, offset: Int) {
        let error = #expect(throws: PathTemplate.Malformed.self) { try PathTemplate(template) }
        #expect(error?.offset == offset && error?.template == template)
    }

    @Test("What a client makes of any names by a template, percent-encoded or not, comes back as these names")
    func roundTrips() throws {
        var random = SplitMix(6)
        for _ in 0..<2000 {
            let (template, names, path) = Self.sample(&random)
            let parsed = try PathTemplate(template)
            let request = try #require(RequestPath(path), "\(path)")
            #expect(parsed.match(request) == names, "\(template) \(path)")
        }
    }

    /// A template of up to four segments, values for its variables and a path that has them.
    private static func sample(_ random: inout SplitMix) -> (String, [String], String) {
        var (template, path, names) = ("", "", [String]())
        let count = Int.random(in: 1...4, using: &random)
        for index in 0..<count {
            switch Int.random(in: 0...(index == count - 1 ? 3 : 2), using: &random) {
            case 0:
                template += "/lit\(index)"
                path += "/lit\(index)"
            case 1:
                let name = Self.name(&random)
                template += "/{v\(index)}"
                path += "/" + Self.encoded(name, &random, keepingSlashes: false)
                names.append(name)
            case 2:
                let (first, second) = (Self.name(&random), Self.name(&random))
                template += "/{m.v\(index)=x/*/*}"
                path += "/x/\(Self.encoded(first, &random, keepingSlashes: false))/"
                path += Self.encoded(second, &random, keepingSlashes: false)
                names.append("x/\(first)/\(second)")
            default:
                let name = (0...Int.random(in: 0...2, using: &random)).map { _ in Self.name(&random) }
                    .joined(separator: "/")
                template += "/{v\(index)=**}"
                let keepsSlashes = Bool.random(using: &random)
                path += "/" + Self.encoded(name, &random, keepingSlashes: keepsSlashes)
                names.append(name)
            }
        }
        if Bool.random(using: &random) {
            template += ":verb"
            path += ":verb"
        }
        return (template, names, path)
    }

    private static func name(_ random: inout SplitMix) -> String {
        let characters = Array("abcXYZ019-._~:/%+ é漢?#=&")
        var name = ""
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            name.append(characters.randomElement(using: &random) ?? "a")
        }
        // Empty segments are no names.
        let parts = name.split(separator: "/")
        return parts.isEmpty ? "a" : parts.joined(separator: "/")
    }

    private static func encoded(
        _ name: String, _ random: inout SplitMix, keepingSlashes: Bool
    ) -> String {
        var text = ""
        for byte in name.utf8 {
            let scalar = Unicode.Scalar(byte)
            let mustStay = byte == UInt8(ascii: "/") && keepingSlashes
            let mayStay =
                scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789-._~:".unicodeScalars.contains(scalar))
            if mustStay || (mayStay && Bool.random(using: &random)) {
                text.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: Bool.random(using: &random))
                text += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return text
    }
}
