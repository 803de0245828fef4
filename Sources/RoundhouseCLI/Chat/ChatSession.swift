internal import GRPCCore
internal import RoundhouseAPI

/// A conversation: its history, and the turns that are taken.
struct ChatSession: Sendable {
    private let gateway: Gateway
    private let console: any Console
    private let options: GenerationOptions
    private let json: Bool
    private let quiet: Bool
    private let showsProgress: Bool
    private(set) var history: [Roundhouse_V1_Message] = []
    private(set) var model: String

    init(
        gateway: Gateway, console: any Console, options: GenerationOptions, json: Bool, quiet: Bool, showsProgress: Bool
    ) {
        self.gateway = gateway
        self.console = console
        self.options = options
        self.json = json
        self.quiet = quiet
        self.showsProgress = showsProgress
        self.model = options.model ?? ""
    }

    /// Asks, shows the answer as it comes and keeps both for the next turn. A failed turn leaves the history as it
    /// was, so that the question can be asked again.
    mutating func ask(_ prompt: String) async throws {
        var request: Roundhouse_V1_StreamGenerateRequest = try self.options.request(
            model: self.model,
            history: self.history,
            prompt: prompt
        )
        request.includeProgress = self.showsProgress
        // With its pictures, for the turns to come.
        let question = request.messages.last ?? .saying(prompt, as: .user)
        let (console, json) = (self.console, self.json)
        let answer = try await self.gateway.generation.streamGenerate(
            request,
            options: self.gateway.workOptions
        ) { response in
            var printer = AnswerPrinter(console: console, json: json)
            do {
                for try await event in response.messages {
                    try await printer.take(event)
                }
            } catch {
                try? await printer.breakLine()
                throw error
            }
            return try await printer.finish()
        }
        if !self.json && !self.quiet { await self.console.show(answer.summary) }
        // A model that said nothing (it may have thought, or wanted a tool) leaves nothing to go on from.
        guard !answer.text.isEmpty else { return }
        self.history += [question, .saying(answer.text, as: .assistant)]
    }

    /// Takes turns until the input ends or says so. A failed turn is shown and the conversation goes on.
    ///
    /// - Throws: ``QuietEnding`` with the status of the last failed turn, when the input is not a terminal: a script
    ///   cannot see it otherwise.
    mutating func converse() async throws {
        var lastFailure: ExitStatus?
        if self.console.isInputTerminal {
            await self.console.note(
                self.console.errors.dim("chat with \(self.modelName) at \(self.gateway.address); /help lists commands")
                    + "\n"
            )
        }
        while let input = await self.nextInput() {
            switch input {
            case .quit: return try self.end(lastFailure)
            case .say(let prompt):
                if let status = try await self.attempt(prompt) { lastFailure = status }
            default: await self.obey(input)
            }
        }
        try Task.checkCancellation()
        if self.console.isInputTerminal { await self.console.note("\n") }
        try self.end(lastFailure)
    }

    private func end(_ lastFailure: ExitStatus?) throws {
        if let lastFailure, !self.console.isInputTerminal { throw QuietEnding(status: lastFailure) }
    }

    /// - Returns: the status of a turn that failed.
    private mutating func attempt(_ prompt: String) async throws -> ExitStatus? {
        do {
            try await self.ask(prompt)
            return nil
        } catch let error as OutputClosed {
            throw error
        } catch {
            // Ctrl-C makes the RPC fail, and ends the conversation too.
            try Task.checkCancellation()
            let report = FailureReport(error, address: self.gateway.address)
            await self.console.show(report, json: self.json)
            return report.status
        }
    }

    private mutating func obey(_ input: ChatInput) async {
        switch input {
        case .clear:
            self.history = []
            await self.console.note("the conversation is forgotten\n")
        case .model(let name):
            if let name { self.model = name }
            await self.console.note("the model is \(TerminalText.singleLine(self.modelName))\n")
        case .help:
            await self.console.note(ChatInput.helpText)
        case .unknown(let command):
            await self.console.note("there is no command \(command); /help lists those that there are\n")
        case .nothing, .say, .quit:
            break
        }
    }

    private var modelName: String {
        self.model.isEmpty ? "the server's choice of model" : self.model
    }

    /// On a terminal a line that ends with a backslash goes on in the next.
    private func nextInput() async -> ChatInput? {
        guard self.console.isInputTerminal else { return await self.console.nextLine().map(ChatInput.init) }
        var text = ""
        await self.console.note("> ")
        while let line = await self.console.nextLine() {
            guard line.hasSuffix("\\") else { return ChatInput(text + line) }
            text += line.dropLast() + "\n"
            await self.console.note(". ")
        }
        return nil
    }
}
