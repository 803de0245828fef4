import CFuzzer

/// `fuzz NAME [libFuzzer's options and corpus folders]`: feeds one decoder until an input breaks a rule or makes it trap.
@main
struct Fuzz {
    static func main() {
        guard let name = CommandLine.arguments.dropFirst().first, name != "--list" else {
            for target in Target.all { print(target.name) }
            return
        }
        guard self.target != nil else {
            complain("there is no decoder '\(name)'; `fuzz --list` names them all")
        }
        // libFuzzer sees the command line without the name.
        var count = CommandLine.argc - 1
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv + 1
        unsafe arguments?[0] = unsafe CommandLine.unsafeArgv[0]
        let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
            Self.target?.check(unsafe Span(_unsafeElements: UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        }
        precondition(status == 0, "libFuzzer ended with status \(status)")
    }

    /// The one that the command line names.
    static let target: Target? = {
        let name = CommandLine.arguments.dropFirst().first
        return Target.all.first { $0.name == name }
    }()
}

/// Ends the process in a way that libFuzzer takes for a find: it keeps the input.
func complain(_ what: String) -> Never {
    fatalError(what)
}
