internal import ArgumentParser
internal import RoundhouseAPI

/// `--set` for models.
struct ModelEditOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Set a field. May be repeated.", discussion: ModelFields.help, valueName: "field=value")
    )
    var settings: [String] = []

    func validate() throws {
        _ = try self.edits()
    }

    func edits() throws -> FieldEdits<Roundhouse_V1_Model> {
        do {
            return try FieldEdits(self.settings, fields: ModelFields.all, probe: .init())
        } catch {
            throw ValidationError(error.message)
        }
    }
}

/// `--set` for providers.
struct ProviderEditOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Set a field. May be repeated.", discussion: ProviderFields.help, valueName: "field=value")
    )
    var settings: [String] = []

    func validate() throws {
        _ = try self.edits()
    }

    func edits() throws -> FieldEdits<Roundhouse_V1_Provider> {
        do {
            return try FieldEdits(self.settings, fields: ProviderFields.all, probe: .init())
        } catch {
            throw ValidationError(error.message)
        }
    }
}

/// For changes that must not undo somebody else's.
struct ChangeOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Change it only if this is its etag still.", valueName: "etag"))
    var etag: String?

    @Flag(name: .customLong("dry-run"), help: "Check everything and change nothing.")
    var isDryRun = false
}
