import Testing

@testable import Providers

@Suite struct JSONSyntaxTests {
    @Test(arguments: [
        "{}", " \n{\t}\r ", #"{"a":1}"#, #"{ "a" : [ ] , "b" : { } }"#,
        #"{"a":[1,2,{"b":[[null]]}],"c":true,"d":false}"#,
        #"{"":"","\u0041\"\\\/\b\f\n\r\t":"é😀\ud83d"}"#,
        #"{"a":-0.0e+10,"b":0,"c":123456789012345678901234567890,"d":1E400}"#,
        #"{"a":1,"a":2}"#,
    ])
    func `This is an object`(_ text: String) {
        #expect(JSONSyntax.isObject(text))
    }

    @Test(arguments: [
        "", " ", "[]", "1", "null", #""{}""#, "{", "}", "{}}", "{} {}", "{},", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#,
        #"{,"a":1}"#, #"{"a":1 "b":2}"#, #"{"a":1;"b":2}"#, "{a:1}", "{'a':1}", #"{1:2}"#, #"{"a":[1,]}"#, #"{"a":[1}"#,
        #"{"a":[1]]"#, #"{"a":[}"#, #"{"a":01}"#, #"{"a":+1}"#, #"{"a":.5}"#, #"{"a":5.}"#, #"{"a":1e}"#, #"{"a":1e+}"#,
        #"{"a":-}"#, #"{"a":0x1}"#, #"{"a":NaN}"#, #"{"a":tru}"#, #"{"a":nulL}"#, #"{"a":truex}"#, "{\"a\":\"\n\"}",
        #"{"a":"\x"}"#, #"{"a":"\u12"}"#, #"{"a":"\u123g"}"#, #"{"a":"\"#, #"{"a":"b"#, "{\"a\":1}\0", "\u{FEFF}{}",
        "{/**/}",
    ])
    func `This is none`(_ text: String) {
        #expect(!JSONSyntax.isObject(text))
    }

    @Test(arguments: ["1", " null ", "true\n", #""a""#, "[1, {}]", "{}", "-0.5e3", "[]"])
    func `This is a value`(_ text: String) {
        #expect(JSONSyntax.isValue(text))
        #expect(!JSONSyntax.isValue(text + "1,"))
        #expect(!JSONSyntax.isValue("," + text))
        #expect(!JSONSyntax.isValue(text + " " + text))
    }

    @Test func `Depth is bounded, and no depth overflows a stack`() {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
        }
        #expect(JSONSyntax.isObject(nested(512)))
        #expect(!JSONSyntax.isObject(nested(513)))
        #expect(!JSONSyntax.isObject(String(repeating: #"{"a":"#, count: 1_000_000)))
    }

    @Test func `Every beginning of an object is none`() {
        let text = #"{ "a" : [1.5e3, "\u00e9", {"b": null}], "c": true }"#
        #expect(JSONSyntax.isObject(text))
        for length in 0..<text.utf8.count { #expect(!JSONSyntax.isObject(String(text.prefix(length)))) }
    }

    // MARK: - What the writer puts in as it is

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `Base64 is that of RFC 4648`(_ text: String, _ encoded: String) {
        var json = JSONWriter()
        json.object { $0.base64("a", Array(text.utf8)) }
        #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"a":"\#(encoded)"}"#)
    }

    @Test func `Every byte has its place in base64`() {
        var json = JSONWriter()
        json.base64(nil, [UInt8](0...255))
        let text = String(decoding: json.bytes.dropFirst().dropLast(), as: UTF8.self)
        #expect(text.hasPrefix("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"))
        #expect(text.hasSuffix("+fr7/P3+/w=="))
        #expect(text.count == 344)
    }

    @Test func `Written JSON stands between its neighbours`() {
        var json = JSONWriter()
        json.object { json in
            json.raw("a", #"{ "b": 1 }"#)
            json.raw("c", "[]")
            json.array("d") { json in
                json.raw(nil, "1")
                json.raw(nil, "2")
            }
        }
        #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"a":{ "b": 1 },"c":[],"d":[1,2]}"#)
    }
}
