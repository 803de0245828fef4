/// What vendors say of a trace to themselves, as `tracestate` carries it: passed on unread, in its order, within limits.
public struct TraceState: Sendable, Hashable, CustomStringConvertible {
    /// The header's value: members separated by commas, never empty, at most ``longest`` bytes.
    public let description: String

    /// The specification wants 512 bytes to be passed on at least; we pass on no more.
    static let longest = 512
    /// Of members, beyond which the whole is malformed.
    static let mostMembers = 32
    /// Members that are longer go first when the whole is too long.
    private static let longMember = 128

    /// Reads the headers of a request, which count as one list.
    ///
    /// - Returns: `nil` when there is nothing in them, or something that is no member, or a key twice: then nothing is
    ///   passed on.
    public init?(_ headers: some Sequence<String>) {
        var members: [Substring.UTF8View] = []
        var keys: Set<String> = []
        for header in headers {
            for part in header.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: true) {
                let member = part.trimmed
                // Empty members are allowed, and say nothing.
                if member.isEmpty { continue }
                guard members.count < Self.mostMembers, let key = Self.key(of: member), keys.insert(key).inserted else {
                    return nil
                }
                members.append(member)
            }
        }
        var length = members.reduce(members.count - 1) { $0 + $1.count }
        if length > Self.longest {
            members.removeAll { member in
                guard length > Self.longest, member.count > Self.longMember else { return false }
                length -= member.count + 1
                return true
            }
        }
        // The newest are in front.
        while length > Self.longest, let last = members.popLast() { length -= last.count + 1 }
        guard !members.isEmpty else { return nil }
        self.description = members.map { String(Substring($0)) }.joined(separator: ",")
    }

    /// - Returns: `nil` when it is no `key=value`.
    private static func key(of member: Substring.UTF8View) -> String? {
        guard let equals = member.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = member[..<equals]
        let value = member[member.index(after: equals)...]
        guard self.isKey(key), (1...256).contains(value.count), value.allSatisfy(self.isValueByte) else { return nil }
        return String(Substring(key))
    }

    /// A simple key, or one of a tenant: `rojo`, `fw529a3039@dt`.
    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard (1...256).contains(key.count), let first = key.first else { return false }
        guard let at = key.firstIndex(of: UInt8(ascii: "@")) else {
            return self.isLetter(first) && key.allSatisfy(self.isKeyByte)
        }
        let (tenant, system) = (key[..<at], key[key.index(after: at)...])
        guard (1...241).contains(tenant.count), (1...14).contains(system.count), let second = system.first else {
            return false
        }
        return (self.isLetter(first) || self.isDigit(first)) && self.isLetter(second)
            && tenant.allSatisfy(self.isKeyByte) && system.allSatisfy(self.isKeyByte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        self.isLetter(byte) || self.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "/")
    }

    /// Printable, without the two that have a meaning. Spaces at the ends were taken off.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
    }
}

extension Substring.UTF8View {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmed: Substring.UTF8View {
        var rest = self
        while let first = rest.first, first == 0x20 || first == 0x09 { rest = rest.dropFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest = rest.dropLast() }
        return rest
    }
}
