import PackagePlugin

@main
struct GenerateProtos: CommandPlugin {
    func performCommand(context: PluginContext, arguments: [String]) async throws {}
}
